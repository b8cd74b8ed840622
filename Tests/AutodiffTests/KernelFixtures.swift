import Autodiff
import CPalimpsestKernels
import Foundation
import RandomStreams

extension KernelLevel {
    var isa: pal_isa {
        switch self {
        case .portable: PAL_ISA_PORTABLE
        case .avx2: PAL_ISA_AVX2
        case .avx512: PAL_ISA_AVX512
        }
    }

    /// Every level that this machine has.
    static let present = allCases.filter { $0.isa.rawValue <= pal_isa_best().rawValue }
}

/// The C engine, destroyed at the end of its scope.
final class KernelEngine {
    let pointer: OpaquePointer

    init(threads: Int, level: KernelLevel) {
        guard let engine = pal_engine_create(threads, level.isa) else { preconditionFailure("no threads or memory") }
        pointer = engine
    }

    deinit { pal_engine_destroy(pointer) }
}

/// Floats that end where an inaccessible page begins and are preceded by NaNs: reading or writing past the end stops
/// the process, reading before the start spoils the result, writing there is found by `borderIsIntact`.
final class GuardedFloats {
    let pointer: UnsafeMutablePointer<Float>
    let count: Int
    private let mapping: UnsafeMutableRawPointer
    private let mappedBytes: Int

    init(_ values: [Float]) {
        let page = Int(sysconf(Int32(_SC_PAGESIZE)))
        let bytes = values.count * MemoryLayout<Float>.stride
        let dataBytes = (bytes / page + 1) * page
        mappedBytes = dataBytes + page
        count = values.count
        guard let memory = mmap(nil, mappedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            memory != MAP_FAILED, mprotect(memory + dataBytes, page, PROT_NONE) == 0
        else { preconditionFailure("no memory") }
        mapping = memory
        let all = memory.bindMemory(to: Float.self, capacity: dataBytes / 4)
        all.initialize(repeating: .nan, count: dataBytes / 4)
        pointer = all + (dataBytes - bytes) / 4
        for (index, value) in values.enumerated() { pointer[index] = value }
    }

    deinit { munmap(mapping, mappedBytes) }

    var values: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

    /// True if everything before the first float is still NaN.
    var borderIsIntact: Bool {
        let border = UnsafeBufferPointer(start: mapping.assumingMemoryBound(to: Float.self), count: borderCount)
        return border.allSatisfy { $0.isNaN }
    }

    private var borderCount: Int { (UnsafeMutableRawPointer(pointer) - mapping) / 4 }
}

extension RandomStream {
    /// Normal numbers, times `scale`.
    mutating func floats(_ count: Int, scale: Double = 1) -> [Float] {
        (0..<count).map { _ in Float(normal() * scale) }
    }

    mutating func guarded(_ count: Int, scale: Double = 1) -> GuardedFloats {
        GuardedFloats(floats(count, scale: scale))
    }
}

/// The largest difference, over the largest expected magnitude or `magnitude`, that of the numbers which were summed.
func relativeError(_ found: [Float], _ expected: [Double], magnitude: Double = 1e-30) -> Double {
    precondition(found.count == expected.count)
    var difference = 0.0
    var largest = magnitude
    for (found, expected) in zip(found, expected) {
        if !found.isFinite { return .infinity }
        difference = max(difference, abs(Double(found) - expected))
        largest = max(largest, abs(expected))
    }
    return difference / largest
}

/// GELU and its derivative in double precision.
func gelu(_ x: Double) -> (value: Double, derivative: Double) {
    let phi = 0.5 * erfc(-x / 2.0.squareRoot())
    return (x * phi, phi + x * exp(-x * x / 2) / (2 * Double.pi).squareRoot())
}
