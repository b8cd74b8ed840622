import CPalimpsestMPI

/// Sends every process its slice of a flat buffer and receives from each its numbers for the own slice, while this process goes on
/// computing.
///
/// One exchange of the program is under way at a time. `@unchecked Sendable`: a training loop alone touches it, and it is never copied
/// while an exchange is under way.
public final class SliceExchange: @unchecked Sendable {
    private let group: ProcessGroup
    private let slices: Slices
    private let outgoing: UnsafeMutableBufferPointer<Float>
    private let incoming: UnsafeMutableBufferPointer<Float>
    /// Counts and starts of what is sent, then of what is received; MPI reads them until the end of an exchange.
    private let lists: UnsafeMutableBufferPointer<Int32>
    /// Whether one was begun and not ended.
    public private(set) var isUnderWay = false

    /// Exchanges of buffers that are cut so.
    public init(_ group: ProcessGroup, _ slices: Slices) {
        self.group = group
        self.slices = slices
        let own = slices.ranges[group.rank].count
        outgoing = .allocate(capacity: max(1, slices.ranges.last?.upperBound ?? 0))
        incoming = .allocate(capacity: max(1, own * group.count))
        outgoing.initialize(repeating: 0)
        incoming.initialize(repeating: 0)
        let received = [Int32](repeating: Int32(own), count: group.count)
        let numbers = slices.counts + slices.starts + received + ProcessGroup.starts(of: received)
        lists = .allocate(capacity: numbers.count)
        _ = lists.initialize(from: numbers)
    }

    deinit {
        if isUnderWay { group.require(pal_mpi_end_exchange()) }
        outgoing.deallocate()
        incoming.deallocate()
        lists.deallocate()
    }

    /// Begins an exchange of `values`, which are copied.
    public func begin(_ values: UnsafeBufferPointer<Float>) {
        precondition(!isUnderWay, "an exchange before the end of the one before")
        precondition(values.count == slices.ranges.last?.upperBound, "\(values.count) numbers for \(slices)")
        _ = outgoing.update(from: values)
        guard let from = outgoing.baseAddress, let to = incoming.baseAddress, let list = lists.baseAddress else {
            return
        }
        let count = group.count
        isUnderWay = true
        group.require(
            pal_mpi_begin_exchange(from, list, list + count, to, list + 2 * count, list + 3 * count))
    }

    /// Waits for the end of an exchange and hands over what each process sent for the own slice, in order of the processes.
    public func end(_ take: (UnsafeBufferPointer<Float>) -> Void) {
        precondition(isUnderWay, "the end of no exchange")
        group.require(pal_mpi_end_exchange())
        isUnderWay = false
        let own = slices.ranges[group.rank].count
        for rank in 0..<group.count {
            take(UnsafeBufferPointer(rebasing: incoming[rank * own..<(rank + 1) * own]))
        }
    }
}
