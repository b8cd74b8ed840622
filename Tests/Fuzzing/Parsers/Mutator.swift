import RandomStreams

/// Damages seeds: a function of (seed, number) alone, so that a number found is an input found.
struct Mutator {
    let seeds: [[UInt8]]
    let random: RandomStream

    /// What readers of numbers, lengths and brackets have stumbled over.
    private static let pieces: [[UInt8]] =
        [
            "99999999999999999999", "-1", "0", "9223372036854775807", "-9223372036854775808", "1e999", "1e-999", "null",
            "[[[[[[[[[[[[[[[[", "{\"a\":", "\"", "\\ud800", "\\", "\n", ",", "],[", "7777777777", "true", "F32", "I64",
        ].map { Array($0.utf8) }
        + [
            [0], [0xFF], [0x80], [0xFF, 0xFF, 0xFF, 0xFF], [0x7F, 0xFF, 0xFF, 0xFF], [0xFF, 0xFF, 0xFF, 0x7F],
            [UInt8](repeating: 0xFF, count: 8), [UInt8](repeating: 0, count: 512), [0xC3, 0x28], [0xEF, 0xBB, 0xBF],
        ]

    /// Input `number`: a seed with one to eight faults.
    func input(_ number: Int) -> [UInt8] {
        var random = random.child(number)
        var bytes = seeds[random.integer(below: seeds.count)]
        for _ in 0..<(1 + random.integer(below: 8)) { damage(&bytes, &random) }
        return bytes
    }

    private func damage(_ bytes: inout [UInt8], _ random: inout RandomStream) {
        let count = bytes.count
        let place = random.integer(below: count + 1)
        let length = 1 + random.integer(below: random.integer(below: 4) == 0 ? 1024 : 8)
        let end = min(count, place + length)
        switch random.integer(below: 8) {
        case 0: bytes.removeSubrange(place...)
        case 1: if place < count { bytes[place] ^= 1 << UInt8(random.integer(below: 8)) }
        case 2: for index in place..<end { bytes[index] = UInt8(truncatingIfNeeded: random.next()) }
        case 3: bytes.removeSubrange(place..<end)
        case 4: bytes.insert(contentsOf: bytes[place..<end], at: random.integer(below: count + 1))
        case 5:
            let piece = Self.pieces[random.integer(below: Self.pieces.count)]
            bytes.replaceSubrange(place..<min(count, place + piece.count), with: piece)
        case 6: bytes.insert(contentsOf: Self.pieces[random.integer(below: Self.pieces.count)], at: place)
        default:
            // The middle of another seed in place of this one's.
            let other = seeds[random.integer(below: seeds.count)]
            let start = random.integer(below: other.count + 1)
            bytes.replaceSubrange(place..<end, with: other[start..<min(other.count, start + length)])
        }
    }
}
