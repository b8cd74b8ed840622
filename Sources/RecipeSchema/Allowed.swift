/// The values that a row of a recipe allows: a test, its words and its JSON Schema keywords.
///
/// Numbers have a range with both ends, so that no arithmetic on them can leave its type: what a number could never mean is
/// refused where it is read.
public struct Allowed<Value: Sendable>: Sendable {
    var words: String
    var contains: @Sendable (Value) -> Bool
    var keywords: [(String, JSONValue)]

    /// A rule that no keyword of JSON Schema says, in words that follow "allowed is"; not for numbers alone.
    public static func rule(_ words: String, _ contains: @escaping @Sendable (Value) -> Bool) -> Allowed {
        Allowed(words: words, contains: contains, keywords: [])
    }
}

extension Allowed where Value == String {
    /// Texts that match a regular expression of JSON Schema, which says the same as the rule.
    public static func pattern(
        _ pattern: String, _ words: String, _ contains: @escaping @Sendable (String) -> Bool
    ) -> Allowed {
        Allowed(words: words, contains: contains, keywords: [("pattern", JSONValue(pattern))])
    }
}

/// A number that a recipe can hold.
public protocol RecipeNumber: RecipeValue, Comparable {
    /// What one is called: "an integer".
    static var noun: String { get }
    /// What several are called: "integers".
    static var nouns: String { get }
    /// The largest that a row without an end of its own takes.
    static var ceiling: Self { get }
}

extension Int: RecipeNumber {
    /// An integer.
    public static var noun: String { "an integer" }
    /// Integers.
    public static var nouns: String { "integers" }
    /// The largest integer that every program reads exactly from JSON.
    public static var ceiling: Int { 1 << 53 - 1 }
}

extension Double: RecipeNumber {
    /// A number.
    public static var noun: String { "a number" }
    /// Numbers.
    public static var nouns: String { "numbers" }
    /// The largest power of ten that single precision holds.
    public static var ceiling: Double { 1e38 }
}

extension Allowed where Value: RecipeNumber {
    private static func made(
        _ words: String, _ keywords: [(String, Value)], _ test: @escaping @Sendable (Value) -> Bool
    )
        -> Allowed
    {
        Allowed(
            words: "\(Value.noun) \(words)", contains: test, keywords: keywords.map { ($0.0, $0.1.encoded) })
    }

    /// `low` ≤ value ≤ `high`.
    public static func closed(_ range: ClosedRange<Value>) -> Allowed {
        let (low, high) = (range.lowerBound, range.upperBound)
        return made("from \(low.text) to \(high.text)", [("minimum", low), ("maximum", high)]) { range.contains($0) }
    }

    /// The values of a range that also follow a rule, in a word such as "odd".
    public static func closed(
        _ range: ClosedRange<Value>, only word: String, _ rule: @escaping @Sendable (Value) -> Bool
    ) -> Allowed {
        let (low, high) = (range.lowerBound, range.upperBound)
        var allowed = made("from \(low.text) to \(high.text), \(word)", [("minimum", low), ("maximum", high)]) {
            range.contains($0) && rule($0)
        }
        allowed.keywords.append(("description", JSONValue(word)))
        return allowed
    }

    /// `low` ≤ value < `high`.
    public static func range(_ range: Range<Value>) -> Allowed {
        let (low, high) = (range.lowerBound, range.upperBound)
        return made("≥ \(low.text) and < \(high.text)", [("minimum", low), ("exclusiveMaximum", high)]) {
            range.contains($0)
        }
    }

    /// `low` < value ≤ `high`.
    public static func above(_ low: Value, upTo high: Value) -> Allowed {
        made("> \(low.text) and ≤ \(high.text)", [("exclusiveMinimum", low), ("maximum", high)]) {
            $0 > low && $0 <= high
        }
    }

    /// `low` < value < `high`.
    public static func between(_ low: Value, _ high: Value) -> Allowed {
        made("> \(low.text) and < \(high.text)", [("exclusiveMinimum", low), ("exclusiveMaximum", high)]) {
            $0 > low && $0 < high
        }
    }

    /// `low` and everything above it, up to the type's ceiling.
    public static func atLeast(_ low: Value) -> Allowed {
        let high = Value.ceiling
        return made("≥ \(low.text) and ≤ \(high.text)", [("minimum", low), ("maximum", high)]) {
            $0 >= low && $0 <= high
        }
    }

    /// Everything above `low`, up to the type's ceiling.
    public static func above(_ low: Value) -> Allowed { above(low, upTo: Value.ceiling) }
}

extension Allowed {
    /// A list of so many elements, each of which is allowed; `rule` is what they must fulfil together, in words that are added.
    public static func list<Element: RecipeNumber>(
        _ count: ClosedRange<Int>, of element: Allowed<Element>, _ words: String = "",
        _ rule: @escaping @Sendable ([Element]) -> Bool = { _ in true }
    ) -> Allowed where Value == [Element] {
        let (least, most) = (count.lowerBound, count.upperBound)
        let number = least == most ? "\(least)" : "\(least) to \(most)"
        let each = element.words.dropFirst(Element.noun.count)
        let items = (Element.schema.members ?? []).map { ($0.name, $0.value) } + element.keywords
        return Allowed(
            words: "a list of \(number) \(Element.nouns)\(each)\(words.isEmpty ? "" : ", \(words)")",
            contains: { count.contains($0.count) && $0.allSatisfy(element.contains) && rule($0) },
            keywords: [
                ("items", .object(items)), ("minItems", JSONValue(least)), ("maxItems", JSONValue(most)),
            ])
    }

    /// A list of so many elements, each larger than the one before.
    public static func rising<Element: RecipeNumber & Comparable>(
        _ count: ClosedRange<Int>, of element: Allowed<Element>
    ) -> Allowed where Value == [Element] {
        list(count, of: element, "rising") { zip($0, $0.dropFirst()).allSatisfy(<) }
    }

    /// Two numbers of which the first is not above the second: the ends of a range; `words` say it better where they are given.
    public static func ends<Element: RecipeNumber>(
        of element: Allowed<Element>, words: String? = nil
    ) -> Allowed where Value == [Element] {
        var allowed = list(2...2, of: element, "the lower first") { $0[0] <= $0[1] }
        allowed.words = words ?? allowed.words
        return allowed
    }
}

extension RecipeValue {
    fileprivate var text: String { encoded.text() }
}
