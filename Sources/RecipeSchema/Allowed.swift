/// The values that a row of a recipe allows: a test, its words and its JSON Schema keywords.
public struct Allowed<Value: Sendable>: Sendable {
    var words: String?
    var contains: @Sendable (Value) -> Bool
    var keywords: [(String, JSONValue)]

    /// Every value of the type.
    public static var anything: Allowed { Allowed(words: nil, contains: { _ in true }, keywords: []) }

    /// A rule that no keyword of JSON Schema says, in words that follow "allowed is".
    public static func rule(_ words: String, _ contains: @escaping @Sendable (Value) -> Bool) -> Allowed {
        Allowed(words: words, contains: contains, keywords: [])
    }
}

extension Allowed where Value: Comparable & RecipeValue {
    private static var noun: String { Value.self == Int.self ? "an integer" : "a number" }

    /// `low` and everything above it.
    public static func atLeast(_ low: Value) -> Allowed {
        Allowed(words: "\(noun) ≥ \(low)", contains: { $0 >= low }, keywords: [("minimum", low.encoded)])
    }

    /// Everything above `low`.
    public static func above(_ low: Value) -> Allowed {
        Allowed(words: "\(noun) > \(low)", contains: { $0 > low }, keywords: [("exclusiveMinimum", low.encoded)])
    }

    /// `low` ≤ value ≤ `high`.
    public static func closed(_ range: ClosedRange<Value>) -> Allowed {
        Allowed(
            words: "\(noun) from \(range.lowerBound) to \(range.upperBound)", contains: { range.contains($0) },
            keywords: [("minimum", range.lowerBound.encoded), ("maximum", range.upperBound.encoded)])
    }

    /// `low` ≤ value < `high`.
    public static func range(_ range: Range<Value>) -> Allowed {
        Allowed(
            words: "\(noun) ≥ \(range.lowerBound) and < \(range.upperBound)", contains: { range.contains($0) },
            keywords: [("minimum", range.lowerBound.encoded), ("exclusiveMaximum", range.upperBound.encoded)])
    }

    /// `low` < value < `high`.
    public static func between(_ low: Value, _ high: Value) -> Allowed {
        Allowed(
            words: "\(noun) > \(low) and < \(high)", contains: { $0 > low && $0 < high },
            keywords: [("exclusiveMinimum", low.encoded), ("exclusiveMaximum", high.encoded)])
    }
}
