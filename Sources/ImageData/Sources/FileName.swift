/// The name or path of a file, folder or archive member: bytes, as the system and tar have them.
///
/// Names are compared, ordered and hashed as bytes. Swift's `String` would not do: it takes texts of the same Unicode form
/// as equal, and puts another character in the place of bytes that are not UTF-8.
public struct FileName: Sendable, Hashable, Comparable, CustomStringConvertible, ExpressibleByStringLiteral {
    /// The bytes, without a zero at the end.
    public let bytes: [UInt8]

    /// A name of bytes.
    public init(_ bytes: some Sequence<UInt8>) { self.bytes = Array(bytes) }

    /// The name of a text: its UTF-8.
    public init(_ text: String) { bytes = Array(text.utf8) }

    /// The name of a literal.
    public init(stringLiteral text: String) { self.init(text) }

    /// The order of bytes; for UTF-8 that of code points, with no locale and no normalisation.
    public static func < (a: FileName, b: FileName) -> Bool { a.bytes.lexicographicallyPrecedes(b.bytes) }

    /// False where the bytes are in some older encoding.
    public var isUTF8: Bool { String(validating: bytes, as: UTF8.self) != nil }

    /// The name for people and lists: bytes that are not UTF-8, and those of characters that would move the cursor, break
    /// the line or turn the direction of writing, as `\xNN`.
    public var description: String {
        // A name that has such an escape in it already is escaped, too: no two names look alike.
        if let text = String(validating: bytes, as: UTF8.self), !text.contains("\\x"),
            !text.unicodeScalars.contains(where: Self.isHarmful)
        {
            return text
        }
        var text = ""
        var rest = bytes[...]
        while let first = rest.first {
            let length = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
            let piece = rest.prefix(length)
            if let character = String(validating: piece, as: UTF8.self), character.unicodeScalars.count == 1,
                !character.unicodeScalars.contains(where: Self.isHarmful), !rest.starts(with: "\\x".utf8)
            {
                text += character
                rest = rest.dropFirst(length)
            } else {
                let digits = String(first, radix: 16)
                text += "\\x" + (digits.count == 1 ? "0" : "") + digits
                rest = rest.dropFirst()
            }
        }
        return text
    }

    private static func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    /// The name inside a folder; the same name for an empty folder.
    func inside(_ folder: FileName) -> FileName {
        folder.bytes.isEmpty ? self : FileName(folder.bytes + [Self.slash] + bytes)
    }

    /// The part behind the last slash.
    var base: ArraySlice<UInt8> { bytes.lastIndex(of: Self.slash).map { bytes[($0 + 1)...] } ?? bytes[...] }

    /// The part before the last slash; empty without one.
    var folder: ArraySlice<UInt8> { bytes.lastIndex(of: Self.slash).map { bytes[..<$0] } ?? [] }

    /// The part between slashes, "." and nothing not counted.
    var components: [ArraySlice<UInt8>] {
        bytes.split(separator: Self.slash).filter { !$0.elementsEqual([Self.dot]) }
    }

    /// The part of the base name after its last dot, with A to Z as small letters; empty without a dot.
    var suffix: String {
        let base = base
        guard let dot = base.lastIndex(of: Self.dot) else { return "" }
        return Self.lowercased(base[(dot + 1)...])
    }

    /// True where the base name begins with a dot.
    var isHidden: Bool { base.first == Self.dot }

    /// Bytes as text, with A to Z as small letters.
    static func lowercased(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    /// Calls with the name as a C string.
    func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        body(bytes.map { CChar(bitPattern: $0) } + [0])
    }

    static let slash = UInt8(ascii: "/")
    static let dot = UInt8(ascii: ".")
}
