#if Commands
import ArgumentParser
import Autodiff
import Foundation
import Pretraining
import RecipeSchema
import Verification

/// `pretrain verify`: golden cases.
struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Compute golden cases and compare every tensor with its tolerance.",
        discussion: """
            Example: pretrain verify Tests/Golden
            Exit 1 where a case fails, or none could be run. A case that cannot be run here, because nothing computes it yet, is counted by itself.
            """)

    @Argument(help: "Folders that hold, at any depth, a case.json.")
    var paths: [String]

    @Flag(help: "One JSON object a case on standard output.")
    var json = false

    @Option(help: "Threads to compute with.")
    var threads = ProcessInfo.processInfo.activeProcessorCount

    func run() throws {
        let verifier = Verifier(engine: try Machine.engine(threads: threads))
        var (passed, failed, unknown) = (0, 0, 0)
        for path in paths {
            let folders = Verifier.folders(below: path)
            if folders.isEmpty { throw ValidationError("\(path): no case.json in it or below it") }
            for folder in folders {
                let result = verifier.run(folder: folder)
                switch (result.passed, result.isRunnable) {
                case (true, _): passed += 1
                case (false, true): failed += 1
                case (false, false): unknown += 1
                }
                try Console.show(json ? result.row.text() : line(result))
            }
        }
        let counts = "\(passed) passed, \(failed) failed, \(unknown) cannot be run here"
        if json { Console.say(counts) } else { try Console.show(counts) }
        // Cases none of which could be run verify nothing.
        if failed > 0 || passed == 0 { throw ExitCode(RunError.Kind.checkFailed.rawValue) }
    }

    private func line(_ result: GoldenResult) -> String {
        let verdict = result.passed ? "pass" : result.isRunnable ? "FAIL" : "cannot be run here"
        if let error = result.error { return "\(verdict)  \(result.name): \(error)" }
        let worst = String(format: "%.3f", result.worst)
        return
            "\(verdict)  \(result.name): \(worst) of the tolerance at \(result.worstTensor) (\(result.count) compared)"
    }
}
#endif
