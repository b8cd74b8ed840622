#if Commands
import Foundation
import ProcessGroups

/// The processes that `mpirun` launched together with this one.
enum Processes {
    /// The group, joined when it is asked for first.
    static let joined = Result { () throws(ProcessGroupError) in try ProcessGroup.joined() }

    /// The group of a program that has begun.
    static var group: ProcessGroup { (try? joined.get()) ?? .alone }

    /// Whether this process speaks for all where they cannot join.
    static var isFirstLaunched: Bool {
        let environment = ProcessInfo.processInfo.environment
        return (environment["OMPI_COMM_WORLD_RANK"] ?? environment["PMI_RANK"] ?? "0") == "0"
    }
}

/// A verb whose work several processes share; the others refuse to be started together.
protocol SharedByProcesses {}
#endif
