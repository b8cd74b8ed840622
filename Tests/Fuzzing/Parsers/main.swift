// fuzz list | fuzz NAME INPUTS SECONDS TESTS WORK: feeds damaged files to a reader; TESTS holds Fixtures and Golden. The input
// at hand stands in WORK/input-NAME, so that one that ends the process is found there.
import Foundation
import RandomStreams

let arguments = CommandLine.arguments.dropFirst().map { $0 }
if arguments == ["list"] {
    for target in Target.all(work: "/dev/null") { print(target.name) }
    exit(0)
}
guard arguments.count == 5, let target = Target.all(work: arguments[4]).first(where: { $0.name == arguments[0] }),
    let most = Int(arguments[1]), let seconds = Double(arguments[2])
else {
    print("usage: fuzz list | fuzz NAME INPUTS SECONDS TESTS WORK")
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

let mutator = Mutator(seeds: seeds, random: RandomStream(seed: 1).child(target.name))
let input = "\(arguments[4])/input-\(target.name)"
let start = ContinuousClock.now
var slowest = Duration.zero
var count = 0
while count < most, ContinuousClock.now - start < .seconds(seconds) {
    let bytes = mutator.input(count)
    guard let file = fopen(input + target.suffix, "w") else {
        print("\(input) cannot be written")
        exit(73)
    }
    fwrite(bytes, 1, bytes.count, file)
    fclose(file)
    let began = ContinuousClock.now
    target.read(bytes, input + target.suffix)
    slowest = max(slowest, ContinuousClock.now - began)
    count += 1
    if slowest > .seconds(1) || peak() > 256 << 10 {
        print("\(target.name): input \(count - 1) took \(slowest); at most \(peak() >> 10) MiB were used")
        exit(1)
    }
}
print("\(target.name): \(count) inputs, at most \(peak() >> 10) MiB and \(slowest) an input, nothing found")
