import Checkpoints
import Testing

@Suite struct StoredTensorTests {
    @Test func everyTypeGivesItsNumbers() {
        func tensor(_ type: StoredTensor.ElementType, _ bytes: [UInt8]) -> StoredTensor {
            StoredTensor(dtype: type, shape: [bytes.count / type.size], bytes: bytes)
        }
        #expect(tensor(.bool, [0, 1, 7]).integers() == [0, 1, 1])
        #expect(tensor(.uint8, [0, 255]).integers() == [0, 255])
        #expect(tensor(.int8, [127, 128]).integers() == [127, -128])
        #expect(tensor(.int16, [0, 128, 255, 255]).integers() == [-32768, -1])
        #expect(tensor(.uint16, [0, 128]).integers() == [32768])
        #expect(tensor(.int32, [0, 0, 0, 128]).integers() == [-2_147_483_648])
        #expect(tensor(.uint32, [0, 0, 0, 128]).integers() == [2_147_483_648])
        #expect(tensor(.int64, [254, 255, 255, 255, 255, 255, 255, 255]).integers() == [-2])
        #expect(tensor(.uint64, [1, 0, 0, 0, 0, 0, 0, 0]).integers() == [1])
        #expect(tensor(.float32, [0, 0, 192, 63]).floats() == [1.5])
        #expect(tensor(.float64, [0, 0, 0, 0, 0, 0, 0, 192]).doubles() == [-2])
        #expect(tensor(.bfloat16, [192, 63, 0, 192]).floats() == [1.5, -2])
        #expect(tensor(.float16, [0, 62, 0, 192]).floats() == [1.5, -2])
    }

    @Test func integersOfAFloatingTypeOrBeyondIntAreRefused() {
        #expect(StoredTensor([Float(1)]).integers() == nil)
        let large = StoredTensor(dtype: .uint64, shape: [1], bytes: [UInt8](repeating: 255, count: 8))
        #expect(large.integers() == nil)
        #expect(large.doubles() == [0x1p64])
    }

    @Test func doublesKeepWhatFloatsRound() {
        let odd = StoredTensor([Int64(1 << 24 + 1)], shape: [])
        #expect(odd.doubles() == [16_777_217])
        #expect(odd.floats() == [16_777_216])
        #expect(odd.shape == [])
        #expect(odd.count == 1)
    }

    /// All 65,536 halves against the definition: (−1)^s · 2^(e−15) · (1 + f/1024).
    @Test func everyHalfIsConvertedExactly() {
        let all = (0...UInt16.max).flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
        let floats = StoredTensor(dtype: .float16, shape: [65536], bytes: all).floats()
        for (bits, value) in floats.enumerated() {
            let (exponent, fraction) = ((bits >> 10) & 31, bits & 1023)
            let negative = bits >= 0x8000
            #expect((value.sign == .minus) == negative)
            if exponent == 31 {
                #expect(fraction == 0 ? value.isInfinite : value.isNaN)
                continue
            }
            let significand = exponent == 0 ? Double(fraction) : Double(1024 + fraction)
            let expected = Double(sign: .plus, exponent: max(exponent, 1) - 25, significand: significand)
            #expect(Double(value.magnitude) == expected)
        }
    }
}
