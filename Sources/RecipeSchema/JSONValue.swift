/// A JSON value that knows the line it was read from.
public struct JSONValue: Sendable, Equatable {
    /// What a value is; object members keep the order of the text.
    public enum Kind: Sendable, Equatable {
        /// The value `null`.
        case null
        /// `true` or `false`.
        case bool(Bool)
        /// A number, as written.
        case number(JSONNumber)
        /// A string, escapes resolved.
        case string(String)
        /// A list of values.
        case array([JSONValue])
        /// Named values.
        case object([Member])
    }

    /// A named value of an object.
    public struct Member: Sendable, Equatable {
        /// The key.
        public var name: String
        /// The value.
        public var value: JSONValue
        /// The line of the key; 0 for a value made in code.
        public var line: Int

        /// A member made in code.
        public init(name: String, value: JSONValue, line: Int = 0) {
            self.name = name
            self.value = value
            self.line = line
        }

        /// Members are equal when name and value are, wherever they stand.
        public static func == (a: Member, b: Member) -> Bool { a.name == b.name && a.value == b.value }
    }

    /// What the value is.
    public var kind: Kind
    /// The line it starts on, from 1; 0 for a value made in code, `overrideLine` for one given by `--set`.
    public var line: Int

    /// The line of values that come from the command line.
    public static let overrideLine = -1

    /// A value with its line.
    public init(_ kind: Kind, line: Int = 0) {
        self.kind = kind
        self.line = line
    }

    /// Values are equal when they mean the same, wherever they stand.
    public static func == (a: JSONValue, b: JSONValue) -> Bool { a.kind == b.kind }
}

extension JSONValue {
    /// The value `null`.
    public static let null = JSONValue(.null)

    /// A boolean.
    public init(_ value: Bool) { self.init(.bool(value)) }
    /// An integer.
    public init(_ value: Int) { self.init(.number(JSONNumber(text: String(value)))) }
    /// A finite number; written so that it reads back to the same bits.
    public init(_ value: Double) {
        precondition(value.isFinite, "JSON has no text for \(value)")
        self.init(
            .number(JSONNumber(text: value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)")))
    }
    /// A string.
    public init(_ value: String) { self.init(.string(value)) }
    /// A list.
    public init(_ values: [JSONValue]) { self.init(.array(values)) }
    /// An object with members in the order given.
    public static func object(_ members: [(String, JSONValue)]) -> JSONValue {
        JSONValue(.object(members.map { Member(name: $0.0, value: $0.1) }))
    }

    /// The member of that name, if this is an object that has one.
    public subscript(name: String) -> JSONValue? { members?.first { $0.name == name }?.value }

    /// The string, if it is one.
    public var string: String? { if case .string(let value) = kind { value } else { nil } }
    /// The integer, if it is a number written as one.
    public var int: Int? { if case .number(let value) = kind { value.int } else { nil } }
    /// The number, if it is one and finite as a double.
    public var double: Double? { if case .number(let value) = kind { value.double } else { nil } }
    /// The boolean, if it is one.
    public var bool: Bool? { if case .bool(let value) = kind { value } else { nil } }
    /// The elements, if it is a list.
    public var array: [JSONValue]? { if case .array(let value) = kind { value } else { nil } }
    /// The members, if it is an object.
    public var members: [Member]? { if case .object(let value) = kind { value } else { nil } }
    /// True for `null`.
    public var isNull: Bool { kind == .null }

    /// What it is, for messages: `a string "half"`, `3`, `a list`.
    public var summary: String {
        switch kind {
        case .null: "null"
        case .bool(let value): value ? "true" : "false"
        case .number(let value): value.text.shown(limit: 60)
        case .string(let value): "a string \"\(value.shown(limit: 60))\""
        case .array(let values): "a list of \(values.count)"
        case .object: "an object"
        }
    }
}

extension JSONValue {
    /// Its text for messages; of long texts the beginning.
    package var brief: String {
        switch kind {
        case .number(let value): return value.text.shown(limit: 60)
        case .string(let value): return "\"\(value.shown(limit: 60))\""
        case .array(let values) where values.count > 32: return summary
        case .object: return summary
        default: return text().shown(limit: 200)
        }
    }
}

/// A number as written in a JSON text.
public struct JSONNumber: Sendable, Equatable {
    /// The characters of the number.
    public var text: String

    /// A number from its JSON text.
    public init(text: String) { self.text = text }

    /// The value, where it is written as an integer that fits.
    public var int: Int? { Int(text) }
    /// The value, where it is finite as a double.
    public var double: Double? {
        guard let value = Double(text), value.isFinite else { return nil }
        return value
    }

    /// Numbers are equal when their values are.
    public static func == (a: JSONNumber, b: JSONNumber) -> Bool {
        if let x = a.int, let y = b.int { return x == y }
        return a.double == b.double && (a.double != nil || a.text == b.text)
    }
}
