/// Which pictures were right, four a hexadecimal digit, the first in the lowest bit: short enough for a row of `probes.json`.
public enum PackedOutcomes {
    /// The digits of some outcomes.
    public static func digits(_ outcomes: [Bool]) -> String {
        stride(from: 0, to: outcomes.count, by: 4).map { start in
            let bits = outcomes[start..<min(start + 4, outcomes.count)]
            return String(bits.reversed().reduce(0) { $0 << 1 | ($1 ? 1 : 0) }, radix: 16)
        }.joined()
    }

    /// The outcomes of `count` pictures; nil for what is no such text.
    public static func outcomes(_ digits: String, count: Int) -> [Bool]? {
        guard digits.utf8.count == (count + 3) / 4 else { return nil }
        var outcomes: [Bool] = []
        for digit in digits {
            guard digit.isASCII, let bits = digit.hexDigitValue else { return nil }
            outcomes += (0..<4).map { bits >> $0 & 1 == 1 }
        }
        guard outcomes[count...].allSatisfy({ !$0 }) else { return nil }
        return Array(outcomes[..<count])
    }
}
