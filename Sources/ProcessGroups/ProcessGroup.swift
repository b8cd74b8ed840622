import CPalimpsestMPI
import Foundation
import Locks

/// Processes that train one model together, launched by `mpirun`; or one alone.
///
/// What they hand one another goes through MPI, called by the thread that trains, in the same order by all: every process calls
/// every function here, or none does. A process that is gone ends the others, with a sentence.
public final class ProcessGroup: Sendable {
    /// This process's number, from 0.
    public let rank: Int
    /// The number of processes.
    public let count: Int
    /// How many of them are on this machine.
    public let neighbours: Int
    /// What a person does where another process is gone, for the sentence that says so.
    private let advice = Locked("start it again")
    /// Whether anything was said in the group yet.
    private let hasMet = Locked(false)
    /// Whether all know that they end, and whether this process is the one that says why.
    private let ending = Locked((isKnown: false, speaks: true))

    /// One process.
    public static let alone = ProcessGroup(rank: 0, count: 1, neighbours: 1)

    private init(rank: Int, count: Int, neighbours: Int) {
        self.rank = rank
        self.count = count
        self.neighbours = neighbours
    }

    /// Processes as a launcher of MPI tells them in the environment; 1 where there is none.
    static var launched: Int { told("OMPI_COMM_WORLD_SIZE", "PMI_SIZE") ?? 1 }

    /// Whether this process speaks for all that were launched together where they cannot join.
    public static var isFirstLaunched: Bool { told("OMPI_COMM_WORLD_RANK", "PMI_RANK") ?? 0 == 0 }

    private static func told(_ names: String...) -> Int? {
        let environment = ProcessInfo.processInfo.environment
        return names.lazy.compactMap { environment[$0].flatMap { Int($0) } }.first
    }

    /// Joins the processes that were launched together; alone where there was no launcher. Called once.
    public static func joined() throws(ProcessGroupError) -> ProcessGroup {
        guard launched > 1 else { return .alone }
        guard pal_mpi_is_built_in() else {
            throw ProcessGroupError(
                "\(launched) processes were launched together, and this program was built without MPI, so that each would train "
                    + "by itself; build it with make mpi, or start it without mpirun")
        }
        var (rank, count, neighbours): (Int32, Int32, Int32) = (0, 1, 1)
        let error = pal_mpi_join(&rank, &count, &neighbours)
        guard error == 0 else {
            throw ProcessGroupError(
                "MPI does not begin (\(text(of: error))); see whether mpirun works with another program")
        }
        return ProcessGroup(rank: Int(rank), count: Int(count), neighbours: Int(neighbours))
    }

    /// Whether this process tells people and writes files.
    public var isFirst: Bool { rank == 0 }

    /// Says what to do where another process is gone.
    public func advise(_ advice: String) { self.advice.withLock { $0 = advice } }

    /// What every process says, in order of their numbers.
    public func gather<Message: Codable>(_ message: Message) -> [Message] {
        guard count > 1 else { return [message] }
        hasMet.withLock { $0 = true }
        do {
            let coder = PropertyListEncoder()
            coder.outputFormat = .binary
            let own = try coder.encode([message])
            return try gathered(own).map { try PropertyListDecoder().decode([Message].self, from: $0)[0] }
        } catch {
            preconditionFailure("a message of processes to one another: \(error)")
        }
    }

    private func gathered(_ own: Data) -> [Data] {
        var counts = [Int32](repeating: 0, count: count)
        require(pal_mpi_gather_number(Int32(own.count), &counts))
        let starts = Self.starts(of: counts)
        var all = [UInt8](repeating: 0, count: counts.reduce(0) { $0 + Int($1) })
        own.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            require(pal_mpi_gather_bytes(start, Int32(own.count), &all, counts, starts))
        }
        return zip(starts, counts).map { Data(all[Int($0)..<Int($0) + Int($1)]) }
    }

    /// What `body` gives, where it fails in no process; where it does in one, all throw: that one its error, the others an
    /// `EndedElsewhere`.
    public func together<Value: ~Copyable>(_ body: () throws -> Value) throws -> Value {
        guard count > 1 else { return try body() }
        let value: Value
        do {
            value = try body()
        } catch {
            _ = failed(gather(true))
            throw error
        }
        if let first = failed(gather(false)) { throw EndedElsewhere(rank: first) }
        return value
    }

    /// The first of those that failed, by what all said; they all end then, and the first of them says why.
    public func failed(_ all: [Bool]) -> Int? {
        guard let first = all.firstIndex(of: true) else { return nil }
        ending.withLock { $0 = (isKnown: true, speaks: first == rank) }
        return first
    }

    /// Before this process ends with an error: others that begin with `together` are told where nothing was said yet.
    public func fail() {
        if count > 1, !hasMet.withLock({ $0 }) { _ = failed(gather(true)) }
    }

    /// Told where all processes are about to end alike: the first one says why.
    public func endTogether() { _ = failed([true]) }

    /// Whether this process says what ends it.
    public var speaks: Bool { ending.withLock { $0.speaks } }

    /// Leaves the group before the process ends with `code`. Where the others do not know that it ends, they are ended too.
    public func leave(code: Int32) {
        guard count > 1 else { return }
        if code == 0 || ending.withLock({ $0.isKnown }) { pal_mpi_leave() } else { pal_mpi_abort(code) }
    }

    /// Ends the process where MPI says that another one is gone.
    func require(_ error: Int32) {
        guard error != 0 else { return }
        let sentence =
            "error: process \(rank) of \(count) cannot reach the others any more (\(Self.text(of: error))); "
            + "\(advice.withLock { $0 })\n"
        FileHandle.standardError.write(Data(sentence.utf8))
        _exit(74)
    }

    static func starts(of counts: [Int32]) -> [Int32] {
        var start: Int32 = 0
        return counts.map { count in
            defer { start += count }
            return start
        }
    }

    private static func text(of error: Int32) -> String { String(cString: pal_mpi_error_text(error)) }
}

/// Why processes cannot work together.
public struct ProcessGroupError: Error, CustomStringConvertible {
    /// What was found, and what to do.
    public let description: String

    init(_ description: String) { self.description = description }
}

/// Another process failed, and has said why.
public struct EndedElsewhere: Error, CustomStringConvertible {
    /// The number of that process.
    public let rank: Int
    /// In a sentence.
    public var description: String { "process \(rank) cannot go on" }

    /// Told by that process.
    public init(rank: Int) { self.rank = rank }
}
