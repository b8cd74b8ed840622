/// A fault in the syntax of a JSON text.
public struct JSONSyntaxError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The line, from 1.
    public var line: Int
    /// The byte within the line, from 1.
    public var column: Int
    /// What was found and what is allowed.
    public var message: String

    /// The fault in one line.
    public var description: String { "line \(line), column \(column): \(message.shown)" }
}

/// A strict JSON parser (RFC 8259): no comments, no duplicate names, valid UTF-8, nesting of at most 128.
public struct JSONParser {
    private let bytes: [UInt8]
    private var position = 0
    private var line = 1
    private var lineStart = 0

    /// The value of a text, which must hold exactly one.
    public static func parse(_ bytes: [UInt8]) throws(JSONSyntaxError) -> JSONValue {
        var parser = JSONParser(bytes: bytes)
        if let reason = parser.wrongEncoding { throw parser.fault(reason) }
        parser.skipBlanks()
        let value = try parser.value(depth: 1)
        parser.skipBlanks()
        if parser.position < bytes.count {
            throw parser.fault(parser.known ?? "found more text after the end of the value")
        }
        return value
    }

    /// The value of a text.
    public static func parse(_ text: String) throws(JSONSyntaxError) -> JSONValue { try parse(Array(text.utf8)) }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private func fault(_ message: String) -> JSONSyntaxError {
        JSONSyntaxError(line: line, column: position - lineStart + 1, message: message)
    }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private var found: String {
        guard let byte = next else { return "the end of the text" }
        return byte >= 0x20 && byte < 0x7F ? "'\(Character(UnicodeScalar(byte)))'" : "byte \(byte)"
    }

    /// What is wrong with the first bytes, which editors put in front of a text.
    private var wrongEncoding: String? {
        let first = bytes.prefix(3)
        if first.elementsEqual([0xEF, 0xBB, 0xBF]) {
            return
                "found a byte-order mark in front of the text, which JSON does not have; save the file as UTF-8 without it"
        }
        if first.starts(with: [0xFF, 0xFE]) || first.starts(with: [0xFE, 0xFF]) {
            return "the text is UTF-16; save the file as UTF-8"
        }
        return nil
    }

    /// What people write that other languages have and JSON has not; nil where it is nothing of the kind.
    private var known: String? {
        let rest = bytes[position...].prefix(9)
        func begins(_ text: String) -> Bool { rest.starts(with: text.utf8) }
        if begins("//") || begins("/*") || begins("#") { return "found a comment, which JSON does not have; remove it" }
        if begins("'") { return "found a single quotation mark; strings stand in double ones: \"…\"" }
        for (word, meant) in [("True", "true"), ("False", "false"), ("None", "null"), ("nil", "null")]
        where begins(word) {
            return "found \(word), which JSON writes as \(meant)"
        }
        if ["NaN", "Infinity", "-Infinity", "inf", "-inf", "nan"].contains(where: begins) {
            return "found a number that is not finite, which JSON does not have"
        }
        return nil
    }

    /// The fault of what stands here instead of `expected`.
    private func unexpected(_ expected: String) -> JSONSyntaxError {
        fault(known ?? "found \(found), expected \(expected)")
    }

    /// The fault of an end behind a comma.
    private func trailingComma(_ end: Character) -> JSONSyntaxError {
        fault("found ',' in front of '\(end)', which JSON does not have; remove the comma")
    }

    private mutating func skipBlanks() {
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\n"):
                line += 1
                lineStart = position + 1
            case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"): break
            default: return
            }
            position += 1
        }
    }

    private mutating func value(depth: Int) throws(JSONSyntaxError) -> JSONValue {
        if depth > 128 { throw fault("nested deeper than 128") }
        let start = line
        switch next {
        case UInt8(ascii: "{"): return JSONValue(.object(try object(depth: depth)), line: start)
        case UInt8(ascii: "["): return JSONValue(.array(try array(depth: depth)), line: start)
        case UInt8(ascii: "\""): return JSONValue(.string(try string()), line: start)
        case UInt8(ascii: "t"): return JSONValue(.bool(true), line: try word("true"))
        case UInt8(ascii: "f"): return JSONValue(.bool(false), line: try word("false"))
        case UInt8(ascii: "n"): return JSONValue(.null, line: try word("null"))
        case .some(UInt8(ascii: "-")), .some(UInt8(ascii: "0")...UInt8(ascii: "9")):
            return JSONValue(.number(try number()), line: start)
        default: throw unexpected("a value")
        }
    }

    private mutating func word(_ text: StaticString) throws(JSONSyntaxError) -> Int {
        for i in 0..<text.utf8CodeUnitCount {
            guard next == text.utf8Start[i] else {
                let place = position
                position -= i
                guard let known else {
                    position = place
                    throw fault("found \(found), expected \(text)")
                }
                throw fault(known)
            }
            position += 1
        }
        return line
    }

    private mutating func object(depth: Int) throws(JSONSyntaxError) -> [JSONValue.Member] {
        var members: [JSONValue.Member] = []
        var names = Set<String>()
        position += 1
        skipBlanks()
        if next == UInt8(ascii: "}") {
            position += 1
            return members
        }
        while true {
            guard next == UInt8(ascii: "\"") else {
                if next == UInt8(ascii: "}") { throw trailingComma("}") }
                throw unexpected("a name in quotation marks")
            }
            let start = line
            let name = try string()
            guard names.insert(name).inserted else {
                throw fault("the name \"\(name.shown(limit: 60))\" occurs twice in one object")
            }
            skipBlanks()
            guard next == UInt8(ascii: ":") else { throw unexpected("':' after \"\(name.shown(limit: 60))\"") }
            position += 1
            skipBlanks()
            members.append(.init(name: name, value: try value(depth: depth + 1), line: start))
            skipBlanks()
            switch next {
            case UInt8(ascii: ","):
                position += 1
                skipBlanks()
            case UInt8(ascii: "}"):
                position += 1
                return members
            default: throw unexpected("',' or '}'")
            }
        }
    }

    private mutating func array(depth: Int) throws(JSONSyntaxError) -> [JSONValue] {
        var values: [JSONValue] = []
        position += 1
        skipBlanks()
        if next == UInt8(ascii: "]") {
            position += 1
            return values
        }
        while true {
            if next == UInt8(ascii: "]") { throw trailingComma("]") }
            values.append(try value(depth: depth + 1))
            skipBlanks()
            switch next {
            case UInt8(ascii: ","):
                position += 1
                skipBlanks()
            case UInt8(ascii: "]"):
                position += 1
                return values
            default: throw unexpected("',' or ']'")
            }
        }
    }

    private mutating func number() throws(JSONSyntaxError) -> JSONNumber {
        let start = position
        func isDigit(_ byte: UInt8?) -> Bool { byte.map { $0 >= 0x30 && $0 <= 0x39 } ?? false }
        if next == UInt8(ascii: "-") { position += 1 }
        guard isDigit(next) else {
            if next == UInt8(ascii: "I") || next == UInt8(ascii: "i") { position = start }
            throw unexpected("a digit")
        }
        if next == UInt8(ascii: "0") {
            position += 1
            if isDigit(next) { throw fault("a number may not begin with 0") }
        }
        while isDigit(next) { position += 1 }
        if next == UInt8(ascii: ".") {
            position += 1
            guard isDigit(next) else { throw fault("found \(found), expected a digit after the point") }
            while isDigit(next) { position += 1 }
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            position += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
            guard isDigit(next) else { throw fault("found \(found), expected a digit in the exponent") }
            while isDigit(next) { position += 1 }
        }
        return JSONNumber(text: String(decoding: bytes[start..<position], as: UTF8.self))
    }

    private mutating func string() throws(JSONSyntaxError) -> String {
        position += 1
        var text: [UInt8] = []
        while let byte = next {
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw fault("the string is not valid UTF-8")
                }
                position += 1
                return string
            case UInt8(ascii: "\\"):
                position += 1
                try escape(into: &text)
            case 0..<0x20: throw fault("found a control character in a string; write it as an escape")
            default:
                text.append(byte)
                position += 1
            }
        }
        throw fault("found the end of the text inside a string")
    }

    private mutating func escape(into text: inout [UInt8]) throws(JSONSyntaxError) {
        let plain: UInt8
        switch next {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): plain = bytes[position]
        case UInt8(ascii: "b"): plain = 8
        case UInt8(ascii: "f"): plain = 12
        case UInt8(ascii: "n"): plain = 10
        case UInt8(ascii: "r"): plain = 13
        case UInt8(ascii: "t"): plain = 9
        case UInt8(ascii: "u"):
            position += 1
            var code = try fourDigits()
            if code >= 0xD800 && code < 0xDC00 {
                guard next == UInt8(ascii: "\\"), position + 1 < bytes.count, bytes[position + 1] == UInt8(ascii: "u")
                else { throw fault("half of a surrogate pair") }
                position += 2
                let low = try fourDigits()
                guard low >= 0xDC00 && low < 0xE000 else { throw fault("half of a surrogate pair") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = UnicodeScalar(code) else { throw fault("half of a surrogate pair") }
            text.append(contentsOf: Array(String(Character(scalar)).utf8))
            return
        default: throw fault("found \(found) after a backslash")
        }
        text.append(plain)
        position += 1
    }

    private mutating func fourDigits() throws(JSONSyntaxError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(UnicodeScalar(byte)).hexDigitValue else {
                throw fault("found \(found), expected four hexadecimal digits after \\u")
            }
            code = code << 4 + UInt32(digit)
            position += 1
        }
        return code
    }
}
