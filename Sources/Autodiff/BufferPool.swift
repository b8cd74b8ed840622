import CPalimpsestKernels
import Locks

/// Keeps the buffers that tensors no longer need for the tensors to come.
///
/// A training step of fixed shapes finds every buffer here from its second round on. Sizes are rounded up to classes
/// (powers of two up to 1 MiB, multiples of 2 MiB beyond) so that slightly different shapes share buffers.
final class BufferPool: Sendable {
    /// A free buffer; whoever took it from the list is its only user.
    private struct Buffer: @unchecked Sendable {
        let pointer: UnsafeMutableRawPointer
    }

    private struct State {
        var free: [Int: [Buffer]] = [:]
        var systemAllocations = 0
        var bytes = 0
    }

    private let state = Locked(State())
    private let poisons: Bool
    let limit: Int
    private let onShortage: @Sendable (MemoryShortage) -> Never

    /// With `poisons`, every buffer handed out is full of NaN: a test sees whatever relies on zeros or leftovers. All
    /// buffers together take at most `limit` bytes.
    init(poisons: Bool, limit: Int, onShortage: @escaping @Sendable (MemoryShortage) -> Never) {
        self.poisons = poisons
        self.limit = limit
        self.onShortage = onShortage
    }

    deinit {
        state.withLock { state in
            for buffers in state.free.values { for buffer in buffers { pal_buffer_free(buffer.pointer) } }
            state.free = [:]
        }
    }

    /// How many buffers were asked from the system so far.
    var systemAllocations: Int { state.withLock { $0.systemAllocations } }

    /// A buffer for at least `count` floats.
    func take(_ count: Int) -> UnsafeMutablePointer<Float> {
        let size = Self.sizeClass(count * MemoryLayout<Float>.stride)
        let (found, held) = state.withLock { state -> (Buffer?, Int) in
            if let buffer = state.free[size, default: []].popLast() { return (buffer, state.bytes) }
            state.systemAllocations += 1
            state.bytes += size
            return (nil, state.bytes - size)
        }
        let pointer = Self.bind(found?.pointer ?? allocate(size, beside: held), bytes: size)
        if poisons {
            UnsafeMutableBufferPointer(start: pointer, count: size / MemoryLayout<Float>.stride).update(repeating: .nan)
        }
        return pointer
    }

    /// Takes back a buffer that `take(count)` handed out.
    func giveBack(_ pointer: UnsafeMutablePointer<Float>, _ count: Int) {
        let buffer = Buffer(pointer: UnsafeMutableRawPointer(pointer))
        let size = Self.sizeClass(count * MemoryLayout<Float>.stride)
        state.withLock { $0.free[size, default: []].append(buffer) }
    }

    /// Memory that belongs to no pool.
    static func allocateUnpooled(_ count: Int) -> UnsafeMutablePointer<Float> {
        let bytes = count * MemoryLayout<Float>.stride
        guard let pointer = pal_buffer_allocate(bytes) else {
            fatalError("the system gave no memory for a tensor of \(bytes) bytes")
        }
        return bind(pointer, bytes: bytes)
    }

    static func sizeClass(_ bytes: Int) -> Int {
        let mebibyte = 1 << 20
        if bytes > mebibyte { return (bytes + 2 * mebibyte - 1) / (2 * mebibyte) * (2 * mebibyte) }
        var size = 64
        while size < bytes { size *= 2 }
        return size
    }

    /// A new buffer beside the bytes that others hold.
    private func allocate(_ bytes: Int, beside held: Int) -> UnsafeMutableRawPointer {
        guard bytes <= limit - held, let pointer = pal_buffer_allocate(bytes) else {
            onShortage(MemoryShortage(wanted: bytes, held: held, limit: limit))
        }
        return pointer
    }

    private static func bind(_ raw: UnsafeMutableRawPointer, bytes: Int) -> UnsafeMutablePointer<Float> {
        raw.bindMemory(to: Float.self, capacity: bytes / MemoryLayout<Float>.stride)
    }
}

/// One buffer with its owner's duties: aligned memory that goes back to its pool, or to the system, when the last
/// tensor that uses it is gone.
///
/// `@unchecked Sendable`: the memory is written only through `Tensor`'s copy on write, that is by the sole holder of
/// the storage, or by tasks of one engine call that write disjoint ranges and end before the call returns.
final class Storage: @unchecked Sendable {
    let base: UnsafeMutablePointer<Float>
    let capacity: Int
    let pool: BufferPool?

    /// Undefined contents. Without a pool the memory comes from the system and returns there.
    init(capacity: Int, pool: BufferPool?) {
        self.capacity = capacity
        self.pool = pool
        self.base = pool?.take(capacity) ?? BufferPool.allocateUnpooled(capacity)
    }

    deinit {
        if let pool { pool.giveBack(base, capacity) } else { pal_buffer_free(base) }
    }
}
