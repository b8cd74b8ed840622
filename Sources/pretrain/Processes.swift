#if Commands
import ProcessGroups

/// The processes that `mpirun` launched together with this one.
enum Processes {
    /// The group, joined when it is asked for first.
    static let joined = Result { () throws(ProcessGroupError) in try ProcessGroup.joined() }

    /// The group of a program that has begun.
    static var group: ProcessGroup { (try? joined.get()) ?? .alone }
}

/// A verb whose work several processes share; the others refuse to be started together.
protocol SharedByProcesses {}
#endif
