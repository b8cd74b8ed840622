/// A tensor as a file holds it: element type, shape, and bytes in row-major, little-endian order.
public struct StoredTensor: Sendable, Equatable {
    /// The element types that we read, in the order of the reference writer (which puts the last first); the names are
    /// those of the safetensors format.
    public enum ElementType: String, Sendable, Equatable, CaseIterable {
        case bool = "BOOL"
        case uint8 = "U8"
        case int8 = "I8"
        case int16 = "I16"
        case uint16 = "U16"
        case float16 = "F16"
        case bfloat16 = "BF16"
        case int32 = "I32"
        case uint32 = "U32"
        case float32 = "F32"
        case float64 = "F64"
        case int64 = "I64"
        case uint64 = "U64"

        /// Bytes an element takes.
        public var size: Int {
            switch self {
            case .bool, .uint8, .int8: 1
            case .int16, .uint16, .float16, .bfloat16: 2
            case .int32, .uint32, .float32: 4
            case .float64, .int64, .uint64: 8
            }
        }
    }

    /// The type of the elements.
    public let dtype: ElementType
    /// Lengths of the axes; empty for a scalar.
    public let shape: [Int]
    /// The elements, `count · dtype.size` bytes.
    public let bytes: [UInt8]

    /// A tensor from raw bytes, whose number must be that of the shape times the size of an element.
    public init(dtype: ElementType, shape: [Int], bytes: [UInt8]) {
        let count = shape.reduce(1, *)
        precondition(
            bytes.count == count * dtype.size,
            "\(bytes.count) bytes for shape \(shape) of \(dtype.rawValue), which takes \(count * dtype.size)")
        self.dtype = dtype
        self.shape = shape
        self.bytes = bytes
    }

    /// Stores float32 values; the shape is `[values.count]` where none is given.
    public init(_ values: [Float], shape: [Int]? = nil) {
        self.init(dtype: .float32, shape: shape ?? [values.count], bytes: values.withUnsafeBytes { [UInt8]($0) })
    }

    /// Stores int32 values; the shape is `[values.count]` where none is given.
    public init(_ values: [Int32], shape: [Int]? = nil) {
        self.init(dtype: .int32, shape: shape ?? [values.count], bytes: values.withUnsafeBytes { [UInt8]($0) })
    }

    /// Stores int64 values; the shape is `[values.count]` where none is given.
    public init(_ values: [Int64], shape: [Int]? = nil) {
        self.init(dtype: .int64, shape: shape ?? [values.count], bytes: values.withUnsafeBytes { [UInt8]($0) })
    }

    /// Stores bytes; the shape is `[values.count]` where none is given.
    public init(_ values: [UInt8], shape: [Int]? = nil) {
        self.init(dtype: .uint8, shape: shape ?? [values.count], bytes: values)
    }

    /// Stores truth values, a byte each; the shape is `[values.count]` where none is given.
    public init(_ values: [Bool], shape: [Int]? = nil) {
        self.init(dtype: .bool, shape: shape ?? [values.count], bytes: values.map { $0 ? 1 : 0 })
    }

    /// Number of elements.
    public var count: Int { bytes.count / dtype.size }

    /// The elements as float32, each rounded to the nearest; a truth value is 0 or 1.
    public func floats() -> [Float] {
        switch dtype {
        case .bool: bytes.map { $0 == 0 ? 0 : 1 }
        case .uint8: bytes.map(Float.init)
        case .int8: map(Int8.self) { Float($0) }
        case .int16: map(Int16.self) { Float($0) }
        case .uint16: map(UInt16.self) { Float($0) }
        case .float16: map(UInt16.self) { HalfPrecision.float(half: $0) }
        case .bfloat16: map(UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
        case .int32: map(Int32.self) { Float($0) }
        case .uint32: map(UInt32.self) { Float($0) }
        case .float32: map(UInt32.self) { Float(bitPattern: $0) }
        case .float64: map(UInt64.self) { Float(Double(bitPattern: $0)) }
        case .int64: map(Int64.self) { Float($0) }
        case .uint64: map(UInt64.self) { Float($0) }
        }
    }

    /// The elements as float64; only integers beyond 2⁵³ are rounded.
    public func doubles() -> [Double] {
        switch dtype {
        case .float64: map(UInt64.self) { Double(bitPattern: $0) }
        case .int32: map(Int32.self) { Double($0) }
        case .uint32: map(UInt32.self) { Double($0) }
        case .int64: map(Int64.self) { Double($0) }
        case .uint64: map(UInt64.self) { Double($0) }
        default: floats().map(Double.init)
        }
    }

    /// The elements as integers: exactly from an integer type, nil from a floating one or where a value is beyond `Int`.
    public func integers() -> [Int]? {
        switch dtype {
        case .bool: return bytes.map { $0 == 0 ? 0 : 1 }
        case .uint8: return bytes.map(Int.init)
        case .int8: return map(Int8.self) { Int($0) }
        case .int16: return map(Int16.self) { Int($0) }
        case .uint16: return map(UInt16.self) { Int($0) }
        case .int32: return map(Int32.self) { Int($0) }
        case .uint32: return map(UInt32.self) { Int($0) }
        case .int64: return map(Int64.self) { Int($0) }
        case .uint64:
            let values = map(UInt64.self) { $0 }
            return values.allSatisfy { $0 <= UInt64(Int.max) } ? values.map { Int($0) } : nil
        case .float16, .bfloat16, .float32, .float64: return nil
        }
    }

    /// Reads element after element; the bytes may lie at any address.
    private func map<Word: FixedWidthInteger & BitwiseCopyable, Value>(
        _ word: Word.Type, _ transform: (Word) -> Value
    ) -> [Value] {
        bytes.withUnsafeBytes { raw in
            [Value](unsafeUninitializedCapacity: count) { buffer, initialized in
                for i in 0..<count {
                    let bits = raw.loadUnaligned(fromByteOffset: i * MemoryLayout<Word>.size, as: Word.self)
                    buffer.initializeElement(at: i, to: transform(Word(littleEndian: bits)))
                }
                initialized = count
            }
        }
    }
}

/// IEEE 754 half precision by its bits: Swift's `Float16` is not there on every processor.
package enum HalfPrecision {
    /// The bits of the nearest number of half precision, of two equally near the even one; nil beyond 65504, the largest.
    package static func bits(of value: Float) -> UInt16? {
        let sign = UInt16(truncatingIfNeeded: value.bitPattern >> 16) & 0x8000
        let magnitude = value.bitPattern & 0x7fff_ffff
        guard magnitude < 0x4780_0000 else { return nil }
        guard magnitude >= 0x3880_0000 else {
            // Subnormal numbers, and zero, are multiples of 2⁻²⁴.
            let rounded = (Float(bitPattern: magnitude) * 0x1p24).rounded(.toNearestOrEven)
            return sign | UInt16(rounded)
        }
        // The exponent moves from a bias of 127 to one of 15; a carry of the rounding goes into it, as it must.
        let shifted = magnitude - 0x3800_0000
        let rounded = (shifted + 0xfff + (shifted >> 13 & 1)) >> 13
        return rounded < 0x7c00 ? sign | UInt16(rounded) : nil
    }

    package static func float(half bits: UInt16) -> Float {
        let sign = UInt32(bits & 0x8000) << 16
        let exponent = Int(bits >> 10) & 0x1f
        let fraction = UInt32(bits & 0x3ff)
        switch exponent {
        case 0:  // zero and the subnormal numbers: fraction · 2⁻²⁴, exact in float32
            let magnitude = Float(fraction) * 0x1p-24
            return Float(bitPattern: magnitude.bitPattern | sign)
        case 31:  // infinity and not-a-number
            return Float(bitPattern: sign | 0x7f80_0000 | (fraction << 13))
        default:
            return Float(bitPattern: sign | UInt32(exponent + 112) << 23 | (fraction << 13))
        }
    }
}
