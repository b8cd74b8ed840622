import Autodiff
import Foundation
import Pretraining

/// The machine that a verb computes on.
enum Machine {
    /// All processors unless fewer are asked for, and no more memory than there is: a computation that needs more ends
    /// with a sentence before the system ends the process without one.
    static func engine(threads: Int?) throws(EngineError) -> Engine {
        try Engine(
            threads: threads ?? ProcessInfo.processInfo.activeProcessorCount, memoryLimit: memory,
            onShortage: { shortage in
                Failure(code: RunError.Kind.usage.rawValue, text: shortage.description).exit()
            })
    }

    /// Bytes of memory that this process may use: the machine's, or the limit of its control group.
    static var memory: Int {
        let physical = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].compactMap {
            (try? String(contentsOfFile: $0, encoding: .utf8)).flatMap {
                Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
            }
        }
        return limits.reduce(physical, min)
    }
}
