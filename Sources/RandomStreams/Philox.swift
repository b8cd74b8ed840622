/// The Philox 4×32-10 block function: four words from a 128-bit counter and a 64-bit key.
///
/// Salmon, Moraes, Dror, Shaw, *Parallel random numbers: as easy as 1, 2, 3*, SC 2011. Checked against the published
/// vectors of its reference implementation.
@usableFromInline
package struct Philox {
    @usableFromInline package var words: (UInt32, UInt32, UInt32, UInt32)

    /// The block of `counter` (low 64 bits, high 64 bits) under `key`.
    @inlinable
    package init(counter low: UInt64, _ high: UInt64, key: UInt64) {
        var c0 = UInt32(truncatingIfNeeded: low)
        var c1 = UInt32(truncatingIfNeeded: low >> 32)
        var c2 = UInt32(truncatingIfNeeded: high)
        var c3 = UInt32(truncatingIfNeeded: high >> 32)
        var k0 = UInt32(truncatingIfNeeded: key)
        var k1 = UInt32(truncatingIfNeeded: key >> 32)
        for _ in 0..<10 {
            let a = UInt64(c0) &* 0xD251_1F53
            let b = UInt64(c2) &* 0xCD9E_8D57
            c0 = UInt32(truncatingIfNeeded: b >> 32) ^ c1 ^ k0
            c2 = UInt32(truncatingIfNeeded: a >> 32) ^ c3 ^ k1
            c1 = UInt32(truncatingIfNeeded: b)
            c3 = UInt32(truncatingIfNeeded: a)
            k0 &+= 0x9E37_79B9
            k1 &+= 0xBB67_AE85
        }
        words = (c0, c1, c2, c3)
    }

    /// The first two words as one number.
    @inlinable var low: UInt64 { UInt64(words.0) | UInt64(words.1) << 32 }
    /// The last two words as one number.
    @inlinable var high: UInt64 { UInt64(words.2) | UInt64(words.3) << 32 }
}
