#if Commands
import Autodiff
import Pretraining

extension Machine {
    /// All processors unless fewer are asked for, and no more memory than there is: a computation that needs more ends
    /// with a sentence before the system ends the process without one.
    static func engine(threads: Int?) throws(EngineError) -> Engine {
        try Engine.ofThisMachine(threads: threads) { shortage in
            Failure(code: RunError.Kind.usage.rawValue, text: shortage.description).exit()
        }
    }
}
#endif
