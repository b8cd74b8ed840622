#if Commands
import Autodiff
import Checkpoints
import Foundation
import ImageData
import ImageMasking
import Pretraining
import PretrainingMethods
import RecipeSchema

/// An error with the exit code of its kind, as every verb reports it: text on standard error, nothing else.
struct Failure {
    let code: Int32
    let text: String

    init(code: Int32, text: String) {
        self.code = code
        self.text = text
    }

    /// The failure of an error of ours; nil for those that the argument parser reports itself.
    init?(_ error: any Error) {
        text = "\(error)"
        switch error {
        case let error as RunError: code = error.kind.rawValue
        case is MethodError: code = RunError.Kind.data.rawValue
        case is Problems, is Problem, is JSONSyntaxError, is EngineError: code = RunError.Kind.usage.rawValue
        case let error as ImageError: code = (error.reason == .io ? RunError.Kind.missing : .data).rawValue
        case is MaskingError: code = RunError.Kind.usage.rawValue
        case let error as CheckpointError: code = RunError(error).kind.rawValue
        default: return nil
        }
    }

    func tell() { Console.say("error: \(text)") }

    func exit() -> Never {
        tell()
        Foundation.exit(code)
    }
}
#endif
