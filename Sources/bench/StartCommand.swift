#if Commands
import ArgumentParser
import Foundation
import RecipeSchema

/// `bench start`: from the launch of the program to its first step.
struct StartCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "start", abstract: "Time from the launch of pretrain to its first training step.",
        discussion: """
            Example: bench start --recipe mae.json --times 7
            Launches the pretrain beside this program in a folder of its own, which is removed again, and reads its rows until \
            the first step. The first launch may read program and pictures from the disk; the median is that of the others.
            """)

    @Option(help: "The recipe.")
    var recipe = "mae.json"

    @Option(help: "Other images, as in pretrain.")
    var data: String?

    @Option(help: "Launches.")
    var times = 7

    func validate() throws {
        if times < 2 { throw ValidationError("--times is \(times), allowed is an integer ≥ 2") }
    }

    func run() throws {
        let own = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        let program = own.deletingLastPathComponent().appendingPathComponent("pretrain")
        guard FileManager.default.isExecutableFile(atPath: program.path) else {
            throw ValidationError(
                "there is no pretrain beside this program; build it: swift build -c release --product pretrain")
        }
        let seconds = try (0..<times).map { _ in try launch(program) }
        print(
            JSONValue.object([
                ("recipe", JSONValue(recipe)), ("first_s", rounded(seconds[0])),
                ("median_s", rounded(median(Array(seconds.dropFirst())))),
                ("min_s", rounded(seconds.dropFirst().min() ?? 0)), ("launches", JSONValue(times)),
            ]).text())
    }

    private func launch(_ program: URL) throws -> Double {
        let home = FileManager.default.temporaryDirectory.appendingPathComponent("bench-start-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: home, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: home) }
        let process = Process()
        process.executableURL = program
        process.arguments =
            ["--recipe", recipe, "--run", home.appendingPathComponent("run").path, "--json"]
            + (data.map { ["--data", $0] } ?? [])
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        let start = ContinuousClock.now
        try process.run()
        var text = ""
        while !text.contains("\"step\": 1,"), !text.contains("\"step\":1,") {
            let bytes = output.fileHandleForReading.availableData
            guard !bytes.isEmpty else {
                let said = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
                throw ValidationError("pretrain ended without a step: \(said.suffix(300))")
            }
            text += String(decoding: bytes, as: UTF8.self)
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        process.terminate()
        process.waitUntilExit()
        return seconds
    }
}
#endif
