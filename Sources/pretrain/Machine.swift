#if Commands
import Autodiff
import Foundation
import Pretraining

extension Machine {
    /// All processors unless fewer are asked for, and no more memory than there is: a computation that needs more ends
    /// with a sentence before the system ends the process without one.
    /// Several processes on a machine share its processors.
    static func engine(threads: Int?, sharedBy processes: Int = 1) throws(EngineError) -> Engine {
        let share = processes > 1 ? max(1, ProcessInfo.processInfo.activeProcessorCount / processes) : nil
        return try Engine.ofThisMachine(threads: threads ?? share) { shortage in
            Failure(code: RunError.Kind.usage.rawValue, text: shortage.description).exit()
        }
    }
}
#endif
