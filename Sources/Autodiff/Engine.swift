import CPalimpsestKernels

/// Instruction sets the kernels are compiled for.
public enum KernelLevel: String, Sendable, CaseIterable {
    /// Plain C; runs everywhere.
    case portable
    /// AVX2 with fused multiply-add.
    case avx2
    /// AVX-512.
    case avx512

    /// The best level of this processor; the environment variable `PALIMPSEST_ISA` lowers it.
    public static var best: KernelLevel { KernelLevel(pal_isa_best()) }

    init(_ level: pal_isa) {
        switch level {
        case PAL_ISA_AVX2: self = .avx2
        case PAL_ISA_AVX512: self = .avx512
        default: self = .portable
        }
    }

    var isa: pal_isa {
        switch self {
        case .portable: PAL_ISA_PORTABLE
        case .avx2: PAL_ISA_AVX2
        case .avx512: PAL_ISA_AVX512
        }
    }
}

/// Why no engine could be made.
public enum EngineError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The number of threads is outside 1…1024.
    case threads(Int)
    /// The system gave no memory or no threads.
    case unavailable(threads: Int)

    /// One sentence for the user.
    public var description: String {
        switch self {
        case .threads(let count): "\(count) threads were asked for; allowed are 1 to 1024."
        case .unavailable(let threads): "The system could not start \(threads) threads; ask for fewer."
        }
    }
}

/// A computation needs more memory than there is. It cannot go on from inside a primitive, so whoever made the engine
/// says how the program ends.
public struct MemoryShortage: Sendable, CustomStringConvertible {
    /// Bytes of the buffer that could not be had.
    public var wanted: Int
    /// Bytes of all buffers before.
    public var held: Int
    /// Most bytes that buffers may take.
    public var limit: Int

    /// One sentence for the user.
    public var description: String {
        "The computation needs \(wanted >> 20) MiB more beside the \(held >> 20) MiB that it holds, and may take "
            + "\(limit >> 20) MiB in all; use a smaller batch, smaller pictures or a smaller model."
    }

    /// Ends the program with this sentence.
    public static func stop(_ shortage: MemoryShortage) -> Never { fatalError(shortage.description) }
}

/// Threads, memory and kernels: what a computation runs on.
///
/// Made once and handed to every `Tape`. Several threads may use one engine, each with tapes of its own: what they ask for
/// is computed one primitive after the other, each on all threads of the engine. The results depend neither on that nor on
/// the number of threads.
public final class Engine: Sendable {
    /// The C engine. Only `deinit` frees it, so every call through a live `Engine` is valid; it locks by itself.
    package nonisolated(unsafe) let handle: OpaquePointer
    let pool: BufferPool

    /// Starts `threads` threads, the caller's included.
    ///
    /// - Parameters:
    ///   - level: Lowered to `KernelLevel.best` where the processor has less.
    ///   - poisonsBuffers: Fills every buffer with NaN before use; for tests.
    ///   - memoryLimit: Most bytes of all buffers together.
    ///   - onShortage: Ends the program when they would take more, or the system has no more.
    public init(
        threads: Int, level: KernelLevel = .best, poisonsBuffers: Bool = false, memoryLimit: Int = .max,
        onShortage: @escaping @Sendable (MemoryShortage) -> Never = MemoryShortage.stop
    ) throws(EngineError) {
        guard (1...1024).contains(threads) else { throw .threads(threads) }
        guard let handle = pal_engine_create(threads, level.isa) else { throw .unavailable(threads: threads) }
        self.handle = handle
        self.pool = BufferPool(poisons: poisonsBuffers, limit: memoryLimit, onShortage: onShortage)
    }

    deinit {
        pal_engine_destroy(handle)
    }

    /// Most bytes that all buffers may take.
    public var memoryLimit: Int { pool.limit }

    /// Number of threads, the caller's included.
    public var threads: Int { Int(pal_engine_threads(handle)) }

    /// The instruction set in use.
    public var level: KernelLevel { KernelLevel(pal_engine_isa(handle)) }

    /// Operations of all products and attentions so far, a multiply-add being two.
    public var operations: Double { pal_engine_operations(handle) }

    /// How many buffers the engine has asked from the system so far; constant once all shapes have been seen.
    public var systemAllocations: Int { pool.systemAllocations }

    /// A tensor with undefined contents from the pool.
    func tensor(_ shape: Shape) -> Tensor {
        Tensor(undefined: shape, pool: pool)
    }
}
