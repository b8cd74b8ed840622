import Foundation

/// Trains, and where asked for probes, the runs of a sweep, some at a time; what is done already is left alone.
package struct SweepRunner {
    /// How it ended.
    package enum Outcome {
        /// All runs are done.
        case finished
        /// A signal asked to stop; what is under way is saved.
        case stopped(signal: Int32)
        /// Some runs failed: their names, and the last thing that each said.
        case failed([(name: String, reason: String)])
    }

    /// One thing to do for a member, a process each.
    package struct Task {
        /// The member.
        package var member: Sweep.Member
        /// What it is, in a word: `training`, `probing`.
        package var what: String
        /// The arguments of the process.
        package var arguments: [String]
        /// True where there is nothing to do any more.
        package var isDone: () -> Bool

        /// A task.
        package init(_ member: Sweep.Member, _ what: String, _ arguments: [String], isDone: @escaping () -> Bool) {
            self.member = member
            self.what = what
            self.arguments = arguments
            self.isDone = isDone
        }
    }

    /// The folder.
    package let folder: SweepFolder
    /// Processes at a time.
    package let jobs: Int

    /// A runner.
    package init(_ folder: SweepFolder, jobs: Int) {
        self.folder = folder
        self.jobs = jobs
    }

    /// Works on members, each by its tasks one after another; `say` hears what begins and ends.
    package func run(_ members: [[Task]], stop: StopSignal, say: (String) -> Void) throws(RunError) -> Outcome {
        var waiting = members.filter { tasks in !tasks.allSatisfy { $0.isDone() } }
        let left = members.count - waiting.count
        if left > 0 { say("\(left) of \(members.count) runs are done already") }
        var active: [(process: ChildProcess, tasks: [Task])] = []
        var failures: [(name: String, reason: String)] = []
        var hasStopped = false
        while !active.isEmpty || (!waiting.isEmpty && stop.number == nil) {
            while active.count < jobs, stop.number == nil, !waiting.isEmpty {
                let tasks = waiting.removeFirst().filter { !$0.isDone() }
                guard let task = tasks.first else { continue }
                say("\(task.what) \(task.member.name)")
                active.append((try ChildProcess(task.arguments, said: folder.said(task.member)), tasks))
            }
            if stop.number != nil, !hasStopped {
                hasStopped = true
                for child in active { child.process.stop() }
            }
            usleep(100_000)
            for place in active.indices.reversed() {
                guard let code = active[place].process.outcome() else { continue }
                let tasks = active.remove(at: place).tasks
                guard code == 0 else {
                    // What a process of a sweep that was killed still holds is waited for.
                    if code == RunError.Kind.inUse.rawValue, stop.number == nil {
                        say("\(tasks[0].member.name) is still held by another process; waiting for it")
                        sleep(5)
                        waiting.append(tasks)
                    } else if stop.number == nil {
                        let reason = lastLine(of: tasks[0].member) ?? "exit code \(code)"
                        say("\(tasks[0].member.name) failed: \(reason)")
                        failures.append((tasks[0].member.name, reason))
                    }
                    continue
                }
                if tasks.count > 1 { waiting.insert(Array(tasks.dropFirst()), at: 0) }
            }
        }
        if let number = stop.number { return .stopped(signal: number) }
        return failures.isEmpty ? .finished : .failed(failures)
    }

    /// The last line that a member's process said.
    private func lastLine(of member: Sweep.Member) -> String? {
        guard let data = FileManager.default.contents(atPath: folder.said(member)) else { return nil }
        return data.split(separator: UInt8(ascii: "\n")).last.map { String(decoding: $0, as: UTF8.self) }
    }
}
