#if Commands
import Pretraining
import ProcessGroups

/// The processes that `mpirun` launched together with this one.
enum Processes {
    /// The group, joined when it is asked for first.
    static let joined = Result { () throws(ProcessGroupError) in try ProcessGroup.joined() }

    /// The group of a program that has begun.
    static var group: ProcessGroup { (try? joined.get()) ?? .alone }

    /// The log for people, which the first process alone writes.
    static var log: RunLog { group.isFirst ? PeopleLog.log() : .silent }
}

/// A verb whose work several processes share; the others refuse to be started together.
protocol SharedByProcesses {}
#endif
