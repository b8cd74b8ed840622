/// MT19937 (Matsumoto and Nishimura 1998), drawn from as PyTorch's CPU generator does it.
///
/// Only to check masks that the official code of I-JEPA makes from seeds; nothing in training draws from it.
struct MersenneTwister {
    private var state: [UInt32]
    private var place = 624

    /// The generator of a seed (`init_genrand`).
    init(seed: UInt32) {
        state = [seed]
        for i in 1..<624 {
            let last = state[i - 1]
            state.append(1_812_433_253 &* (last ^ last >> 30) &+ UInt32(i))
        }
    }

    private mutating func twist() {
        for i in 0..<624 {
            let y = state[i] & 0x8000_0000 | state[(i + 1) % 624] & 0x7FFF_FFFF
            state[i] = state[(i + 397) % 624] ^ y >> 1 ^ (y & 1 == 1 ? 0x9908_B0DF : 0)
        }
        place = 0
    }

    /// The next 32-bit output.
    mutating func next() -> UInt32 {
        if place == 624 { twist() }
        var y = state[place]
        place += 1
        y ^= y >> 11
        y ^= y << 7 & 0x9D2C_5680
        y ^= y << 15 & 0xEFC6_0000
        y ^= y >> 18
        return y
    }

    /// A number in [0, 1), as `torch.rand` of one float.
    mutating func uniform() -> Double { Double(next() & 0xFF_FFFF) / 0x100_0000 }

    /// A whole number below n, as `torch.randint` of one number.
    mutating func integer(below n: Int) -> Int { Int(next()) % n }
}
