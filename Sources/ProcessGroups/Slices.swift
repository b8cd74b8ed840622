import CPalimpsestMPI

/// A flat buffer cut into one stretch for each process of a group, at multiples of a block.
public struct Slices: Sendable, Equatable {
    /// The stretch of each process; together they are the whole.
    public let ranges: [Range<Int>]

    /// `length` numbers for `count` processes, whole blocks each but for the end.
    public init(_ length: Int, for count: Int, block: Int) {
        let blocks = (length + block - 1) / block
        ranges = (0..<count).map { rank in
            min(length, blocks * rank / count * block)..<min(length, blocks * (rank + 1) / count * block)
        }
    }

    /// Stretches of so many numbers each.
    init(_ counts: [Int]) {
        var end = 0
        ranges = counts.map { count in
            defer { end += count }
            return end..<end + count
        }
    }

    var counts: [Int32] { ranges.map { Int32($0.count) } }
    var starts: [Int32] { ranges.map { Int32($0.lowerBound) } }
}

extension ProcessGroup {
    /// Gives every process the whole of `values`, of which each has its slice.
    public func gather(_ values: UnsafeMutableBufferPointer<Float>, _ slices: Slices) {
        guard count > 1, let start = values.baseAddress else { return }
        require(pal_mpi_gather_slices(start, slices.counts, slices.starts))
    }

    /// The numbers of every process, as many as each has, in order of the processes.
    public func gather(_ own: [Float]) -> [[Float]] {
        guard count > 1 else { return [own] }
        let slices = Slices(gather(own.count))
        var whole = [Float](repeating: 0, count: slices.ranges.last?.upperBound ?? 0)
        whole.replaceSubrange(slices.ranges[rank], with: own)
        whole.withUnsafeMutableBufferPointer { gather($0, slices) }
        return slices.ranges.map { Array(whole[$0]) }
    }

    /// Gives the first process the whole of which each has its slice; the others get nothing.
    public func collect(_ own: UnsafeBufferPointer<Float>, _ slices: Slices) -> [Float]? {
        precondition(own.count == slices.ranges[rank].count, "\(own.count) numbers of \(slices.ranges[rank].count)")
        guard count > 1 else { return Array(own) }
        var none: Float = 0
        let start = own.baseAddress
        return withUnsafePointer(to: &none) { empty in
            guard isFirst else {
                require(
                    pal_mpi_collect_slices(start ?? empty, Int32(own.count), nil, slices.counts, slices.starts))
                return nil
            }
            var whole = [Float](repeating: 0, count: slices.ranges.last?.upperBound ?? 0)
            whole.withUnsafeMutableBufferPointer {
                require(
                    pal_mpi_collect_slices(
                        start ?? empty, Int32(own.count), $0.baseAddress, slices.counts, slices.starts))
            }
            return whole
        }
    }
}
