/// A type that a recipe can hold.
public protocol RecipeValue: Sendable {
    /// The value of a JSON value; nil after adding what is wrong to `problems`.
    static func decode(_ json: JSONValue, at path: String, _ problems: inout [Problem]) -> Self?
    /// The JSON value that decodes to this one.
    var encoded: JSONValue { get }
    /// Its JSON Schema, an object.
    static var schema: JSONValue { get }
    /// What it is, in words: "integer", "list of numbers".
    static var typeWords: String { get }
    /// As much of a JSON value as could be read: a section with some of its values; else what `decode` gives.
    static func read(_ json: JSONValue, at path: String, _ problems: inout [Problem]) -> Self?
    /// The rows behind it, if it is a section.
    static var rows: [OptionDescription]? { get }
}

/// A type each of whose values a recipe may hold: no number, and no list of numbers, whose rows must say a range.
public protocol BoundedValue: RecipeValue {}

extension RecipeValue {
    static func wrongType(
        _ json: JSONValue, _ expected: String, _ path: String, _ problems: inout [Problem]
    ) -> Self? {
        problems.append(Problem(line: json.line, path: path, message: "found \(json.summary), expected \(expected)"))
        return nil
    }

    /// All of it or nothing.
    public static func read(_ json: JSONValue, at path: String, _ problems: inout [Problem]) -> Self? {
        decode(json, at: path, &problems)
    }
    /// One word.
    public static var typeWords: String { "value" }
    /// It is one value.
    public static var rows: [OptionDescription]? { nil }

    static func typeSchema(_ name: String) -> JSONValue { .object([("type", JSONValue(name))]) }
}

extension Int: RecipeValue {
    /// The integer of a JSON number without a fraction; `1e3` and `3.0` are integers, as JSON Schema has it.
    public static func decode(_ json: JSONValue, at path: String, _ problems: inout [Problem]) -> Int? {
        if let value = json.int { return value }
        if let value = json.double, let whole = Int(exactly: value), abs(whole) <= Int.ceiling { return whole }
        return wrongType(json, "an integer", path, &problems)
    }
    /// The integer as JSON.
    public var encoded: JSONValue { JSONValue(self) }
    /// The schema of an integer.
    public static var schema: JSONValue { typeSchema("integer") }
    /// Its words.
    public static var typeWords: String { "integer" }
}

extension Double: RecipeValue {
    /// The number of a JSON number.
    public static func decode(_ json: JSONValue, at path: String, _ problems: inout [Problem]) -> Double? {
        json.double ?? wrongType(json, "a number", path, &problems)
    }
    /// The number as JSON, which has no others than finite ones: those become strings, so that reading them back tells.
    public var encoded: JSONValue { isFinite ? JSONValue(self) : JSONValue("\(self)") }
    /// The schema of a number.
    public static var schema: JSONValue { typeSchema("number") }
    /// Its words.
    public static var typeWords: String { "number" }
}

extension Bool: BoundedValue {
    /// The boolean of a JSON boolean.
    public static func decode(_ json: JSONValue, at path: String, _ problems: inout [Problem]) -> Bool? {
        json.bool ?? wrongType(json, "true or false", path, &problems)
    }
    /// The boolean as JSON.
    public var encoded: JSONValue { JSONValue(self) }
    /// The schema of a boolean.
    public static var schema: JSONValue { typeSchema("boolean") }
    /// Its words.
    public static var typeWords: String { "true or false" }
}

extension String: BoundedValue {
    /// The string of a JSON string.
    public static func decode(_ json: JSONValue, at path: String, _ problems: inout [Problem]) -> String? {
        json.string ?? wrongType(json, "a string", path, &problems)
    }
    /// The string as JSON.
    public var encoded: JSONValue { JSONValue(self) }
    /// The schema of a string.
    public static var schema: JSONValue { typeSchema("string") }
    /// Its words.
    public static var typeWords: String { "string" }
}

extension Optional: RecipeValue where Wrapped: RecipeValue {
    /// Nil for `null`, else the wrapped value.
    public static func decode(_ json: JSONValue, at path: String, _ problems: inout [Problem]) -> Wrapped?? {
        if json.isNull { return .some(nil) }
        return Wrapped.decode(json, at: path, &problems).map { .some($0) }
    }
    /// The wrapped value as JSON, or `null`.
    public var encoded: JSONValue { self?.encoded ?? .null }
    /// The schema of the wrapped value or `null`.
    public static var schema: JSONValue { orNull(Wrapped.schema) }
    /// The words of the wrapped value.
    public static var typeWords: String { "\(Wrapped.typeWords) or null" }
    /// As much of the wrapped value as could be read.
    public static func read(_ json: JSONValue, at path: String, _ problems: inout [Problem]) -> Wrapped?? {
        if json.isNull { return .some(nil) }
        return Wrapped.read(json, at: path, &problems).map { .some($0) }
    }
    /// The rows of the wrapped value.
    public static var rows: [OptionDescription]? { Wrapped.rows }
}

extension Optional: BoundedValue where Wrapped: BoundedValue {}

extension Array: RecipeValue where Element: RecipeValue {
    /// The values of a JSON list; every faulty element is reported.
    public static func decode(_ json: JSONValue, at path: String, _ problems: inout [Problem]) -> [Element]? {
        guard let values = json.array else { return wrongType(json, "a list", path, &problems) }
        let decoded = values.enumerated().map { Element.decode($1, at: "\(path)[\($0)]", &problems) }
        return decoded.contains { $0 == nil } ? nil : decoded.compactMap { $0 }
    }
    /// The elements as a JSON list.
    public var encoded: JSONValue { JSONValue(map(\.encoded)) }
    /// The schema of a list.
    public static var schema: JSONValue { .object([("type", JSONValue("array")), ("items", Element.schema)]) }
    /// The words of an element.
    public static var typeWords: String { "list of: \(Element.typeWords)" }
}

extension Array: BoundedValue where Element: BoundedValue {}

/// An option with a few named values, such as `"column_first"` and `"row_first"`.
public protocol RecipeEnum: BoundedValue, CaseIterable, RawRepresentable where RawValue == String {}

extension RecipeEnum {
    /// The case of a JSON string.
    public static func decode(_ json: JSONValue, at path: String, _ problems: inout [Problem]) -> Self? {
        guard let name = json.string else {
            return wrongType(json, "one of \(quotedList(allCases.map(\.rawValue)))", path, &problems)
        }
        if let value = Self(rawValue: name) { return value }
        let names = allCases.map(\.rawValue)
        problems.append(Problem(line: json.line, path: path, message: notAmong(names, found: name)))
        return nil
    }
    /// The name as JSON.
    public var encoded: JSONValue { JSONValue(rawValue) }
    /// The schema: one of the names.
    public static var schema: JSONValue {
        .object([("enum", JSONValue(allCases.map { JSONValue($0.rawValue) }))])
    }
    /// Its names.
    public static var typeWords: String { allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ") }
}

func quotedList(_ names: [String]) -> String { names.map { "\"\($0)\"" }.joined(separator: ", ") }

func notAmong(_ names: [String], found: String) -> String {
    let guess = nearest(to: found, among: names).map { "; did you mean \"\($0)\"?" } ?? ""
    return
        "found \"\(found.shown(limit: 60))\", allowed is \(names.count == 1 ? "" : "one of ")\(quotedList(names))\(guess)"
}
