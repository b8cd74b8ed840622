// fuzz list | fuzz NAME INPUTS SECONDS TESTS WORK [FIRST]: feeds damaged files to a reader, from input FIRST (0) on; TESTS holds
// Fixtures and Golden. The input at hand stands in WORK/input-NAME and its number in WORK/number-NAME, so that one that ends the
// process is found there.
import Foundation
import RandomStreams

let arguments = CommandLine.arguments.dropFirst().map { $0 }
if arguments == ["list"] {
    for target in Target.all(tests: "/dev/null", work: "/dev/null") { print(target.name) }
    exit(0)
}
guard (5...6).contains(arguments.count),
    let target = Target.all(tests: arguments[3], work: arguments[4]).first(where: { $0.name == arguments[0] }),
    let most = Int(arguments[1]), let seconds = Double(arguments[2]),
    let first = arguments.count == 6 ? Int(arguments[5]) : 0
else {
    print("usage: fuzz list | fuzz NAME INPUTS SECONDS TESTS WORK [FIRST]")
    exit(64)
}
let seeds =
    target.files.map { [UInt8](FileManager.default.contents(atPath: "\(arguments[3])/\($0)") ?? Data()) }
    + target.texts.map { Array($0.utf8) } + target.bytes
guard !seeds.isEmpty, seeds.allSatisfy({ !$0.isEmpty }) else {
    print("\(target.name): a seed is missing below \(arguments[3])")
    exit(69)
}

/// Kilobytes that the process had at most.
func peak() -> Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss
}

/// Seconds of the processor so far: what the machine does besides must not look like a slow input.
func worked() -> Duration {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
}

let mutator = Mutator(seeds: seeds, random: RandomStream(seed: 1).child(target.name), damage: target.damage)
let input = "\(arguments[4])/input-\(target.name)"
let numbers = open("\(arguments[4])/number-\(target.name)", O_CREAT | O_WRONLY | O_TRUNC, 0o644)
let start = ContinuousClock.now
var slowest = Duration.zero
var count = first
while count < most, ContinuousClock.now - start < .seconds(seconds) {
    let bytes = mutator.input(count)
    guard let file = fopen(input + target.suffix, "w") else {
        print("\(input) cannot be written")
        exit(73)
    }
    fwrite(bytes, 1, bytes.count, file)
    fclose(file)
    let number = Array("\(count)\n".utf8)
    pwrite(numbers, number, number.count, 0)
    let began = worked()
    target.read(bytes, input + target.suffix)
    slowest = max(slowest, worked() - began)
    count += 1
    if slowest > .seconds(1) || peak() > 256 << 10 {
        print("\(target.name): input \(count - 1) took \(slowest); at most \(peak() >> 10) MiB were used")
        exit(1)
    }
}
print(
    "\(target.name): \(count - first) inputs in \((ContinuousClock.now - start).components.seconds) s, at most \(peak() >> 10) MiB and \(slowest) an input, nothing found"
)
