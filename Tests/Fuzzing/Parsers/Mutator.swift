import RandomStreams
import RecipeSchema

/// Damages seeds: a function of (seed, number) alone, so that a number found is an input found.
struct Mutator {
    /// What is damaged.
    enum Damage: Sendable {
        /// Bytes, whatever they mean.
        case bytes
        /// Values and members of JSON texts, which stay JSON, seven times in eight; else their bytes.
        case json
    }

    let seeds: [[UInt8]]
    let random: RandomStream
    private let trees: [JSONValue]

    init(seeds: [[UInt8]], random: RandomStream, damage: Damage) {
        self.seeds = seeds
        self.random = random
        trees = damage == .json ? seeds.compactMap { try? JSONParser.parse($0) } : []
    }

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
        if !trees.isEmpty && random.integer(below: 8) > 0 {
            var tree = trees[random.integer(below: trees.count)]
            for _ in 0..<(1 + random.integer(below: 4)) { damage(&tree, &random) }
            return Array(tree.text().utf8)
        }
        var bytes = seeds[random.integer(below: seeds.count)]
        for _ in 0..<(1 + random.integer(below: 8)) { damage(&bytes, &random) }
        return bytes
    }

    /// Numbers that readers of sizes, counts and shares have stumbled over, and what is no number.
    private static let values: [JSONValue] =
        [0, -1, 1, 2, 3, 5, 7, 12, 64, 1000, 65536, 1_048_576, 4_294_967_296, Int.max, Int.min].map { JSONValue($0) }
        + [0.5, -0.5, 0.999, 1.5, 1e-9, 1e-300, 1e300, -1e300].map { JSONValue($0) }
        + [.null, JSONValue(true), JSONValue(false), JSONValue(""), JSONValue("x"), JSONValue([]), .object([])]

    /// One fault at one place of a tree, reached by going down at random.
    private func damage(_ tree: inout JSONValue, _ random: inout RandomStream) {
        switch tree.kind {
        case .array(var values) where !values.isEmpty && random.integer(below: 12) > 0:
            let place = random.integer(below: values.count)
            switch random.integer(below: 12) {
            case 0: values.remove(at: place)
            case 1: values.insert(values[place], at: random.integer(below: values.count + 1))
            default: damage(&values[place], &random)
            }
            tree.kind = .array(values)
        case .object(var members) where !members.isEmpty && random.integer(below: 12) > 0:
            var place = random.integer(below: members.count)
            // What is expected tells little, what to compute with much.
            if let recipe = members.firstIndex(where: { ["recipe", "options"].contains($0.name) }),
                random.integer(below: 4) > 0
            {
                place = recipe
            }
            if random.integer(below: 12) == 0 {
                members.remove(at: place)
            } else {
                damage(&members[place].value, &random)
            }
            tree.kind = .object(members)
        case .number(let number):
            let value = number.double ?? 0
            switch random.integer(below: 6) {
            case 0: tree = JSONValue(value + 1)
            case 1: tree = JSONValue(value - 1)
            case 2: tree = JSONValue(value.magnitude < 1e300 ? value * 2 : 0)
            case 3: tree = JSONValue(-value)
            default: tree = Self.values[random.integer(below: Self.values.count)]
            }
        default: tree = Self.values[random.integer(below: Self.values.count)]
        }
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
