/// A stream of random numbers that is a pure function of where it comes from.
///
/// A stream is made from one seed and refined by names and numbers: `RandomStream(seed: 7).child("mask").child(3)`.
/// Deriving a child does not advance the parent, so what one purpose draws never shifts what another draws, and nothing
/// has to be saved to go on later: ask for the same child again. Numbers are Philox blocks (counter based), equal on
/// every system.
public struct RandomStream: RandomNumberGenerator, Sendable {
    @usableFromInline var key: UInt64
    @usableFromInline var branch: UInt64
    @usableFromInline var block: UInt64 = 0
    @usableFromInline var spare: UInt64?

    @inlinable
    init(key: UInt64, branch: UInt64) {
        self.key = key
        self.branch = branch
    }

    /// The root stream of a seed.
    public init(seed: UInt64) {
        self.init(key: seed, branch: 0)
    }

    /// The stream of a purpose, such as `"mask"`; unrelated to every other child.
    public func child(_ name: String) -> RandomStream {
        // FNV-1a over the UTF-8 bytes; names and numbers differ in the domain tag.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in name.utf8 { hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }
        return derived(hash, domain: 0x6E61_6D65_6E61_6D65)
    }

    /// The stream of a number, such as an epoch or a picture; unrelated to every other child.
    public func child(_ number: Int) -> RandomStream {
        derived(UInt64(bitPattern: Int64(number)), domain: 0x6E75_6D62_6E75_6D62)
    }

    private func derived(_ value: UInt64, domain: UInt64) -> RandomStream {
        let made = Philox(counter: value, branch, key: key ^ domain)
        return RandomStream(key: made.low, branch: made.high)
    }

    /// The next 64 random bits.
    @inlinable
    public mutating func next() -> UInt64 {
        if let kept = spare {
            spare = nil
            return kept
        }
        let made = Philox(counter: block, branch, key: key)
        block &+= 1
        spare = made.high
        return made.low
    }
}
