import ArgumentParser
import Autodiff
import Foundation
import RecipeSchema
import Verification

/// `pretrain verify`: golden cases.
struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compute golden cases and compare every tensor with its tolerance.",
        discussion: "Example: pretrain verify Tests/Golden")

    @Argument(help: "Folders that hold, at any depth, a case.json.")
    var paths: [String]

    @Flag(help: "One JSON object a case on standard output.")
    var json = false

    @Option(help: "Threads to compute with.")
    var threads = ProcessInfo.processInfo.activeProcessorCount

    func run() throws {
        let verifier = Verifier(engine: try Machine.engine(threads: threads))
        var failed = 0
        var count = 0
        for path in paths {
            let folders = Verifier.folders(below: path)
            if folders.isEmpty { throw ValidationError("\(path): no case.json in it or below it") }
            for folder in folders {
                let result = verifier.run(folder: folder)
                count += 1
                failed += result.passed ? 0 : 1
                try Console.show(json ? result.row.text() : line(result))
            }
        }
        if !json { try Console.show("\(count) cases, \(failed) failed") }
        if failed > 0 { throw ExitCode(1) }
    }

    private func line(_ result: GoldenResult) -> String {
        let verdict = result.passed ? "pass" : "FAIL"
        if let error = result.error { return "\(verdict)  \(result.name): \(error)" }
        let worst = String(format: "%.3f", result.worst)
        return
            "\(verdict)  \(result.name): \(worst) of the tolerance at \(result.worstTensor) (\(result.count) compared)"
    }
}
