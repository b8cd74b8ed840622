/// The rows of a comma-separated text (RFC 4180), one after another.
///
/// Fields are bytes. A field in quotation marks may hold commas, line ends and, doubled, quotation marks; blanks around any other
/// field do not count. Lines end with LF or CR LF, and empty ones are no rows.
struct CSVReader {
    /// A row and the line that it begins in, counted from 1.
    struct Row {
        var line: Int
        var fields: [[UInt8]] = []
    }

    /// Bytes of a field, at most.
    static let mostFieldBytes = 1 << 16
    /// Fields of a row, at most.
    static let mostColumns = 1024

    private let bytes: [UInt8]
    private let path: String
    private var place = 0
    private var line = 1

    /// A reader of all bytes of a file; `path` is for errors. A byte-order mark of UTF-8 in front is passed over.
    init(_ bytes: [UInt8], path: String) throws(ImageError) {
        self.bytes = bytes
        self.path = path
        place = try TextMark.length(of: bytes, path: path)
    }

    /// The next row; nil behind the last one.
    mutating func next() throws(ImageError) -> Row? {
        while place < bytes.count, isEndOfLine { endLine() }
        guard place < bytes.count else { return nil }
        var row = Row(line: line)
        while true {
            row.fields.append(try field())
            guard row.fields.count <= Self.mostColumns else {
                throw fault(line, "a row of more than \(Self.mostColumns) columns; remove those that are not wanted")
            }
            guard place < bytes.count, bytes[place] == Self.comma else { break }
            place += 1
        }
        if place < bytes.count { endLine() }
        return row
    }

    private static let comma = UInt8(ascii: ",")
    private static let quote = UInt8(ascii: "\"")
    private static let lineFeed: UInt8 = 10
    private static let carriageReturn: UInt8 = 13

    private func fault(_ line: Int, _ message: String) -> ImageError {
        ImageError(.corrupt, path: path, "line \(line): \(message)")
    }

    /// True at LF, at CR LF and at a CR that ends the file.
    private var isEndOfLine: Bool {
        if bytes[place] == Self.lineFeed { return true }
        return bytes[place] == Self.carriageReturn
            && (place + 1 == bytes.count || bytes[place + 1] == Self.lineFeed)
    }

    private mutating func endLine() {
        place += bytes[place] == Self.carriageReturn && place + 1 < bytes.count ? 2 : 1
        line += 1
    }

    /// The field that begins here; behind it stand a comma, the end of the line or that of the file.
    private mutating func field() throws(ImageError) -> [UInt8] {
        if place < bytes.count, bytes[place] == Self.quote { return try quotedField() }
        let start = place
        while place < bytes.count, bytes[place] != Self.comma, !isEndOfLine {
            switch bytes[place] {
            case 0: throw fault(line, "a zero byte; labels are text in UTF-8, save the file as such")
            case Self.carriageReturn:
                throw fault(line, "a carriage return inside of a line; lines end with LF or CR LF, save the file anew")
            case Self.quote:
                throw fault(
                    line,
                    "a quotation mark inside of a field that does not begin with one; put the whole field into quotation marks "
                        + "and double those inside")
            default: place += 1
            }
        }
        guard place - start <= Self.mostFieldBytes else { throw tooLong(line) }
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        let text = bytes[start..<place]
        guard let first = text.firstIndex(where: { !isBlank($0) }),
            let last = text.lastIndex(where: { !isBlank($0) })
        else { return [] }
        return Array(text[first...last])
    }

    private mutating func quotedField() throws(ImageError) -> [UInt8] {
        let first = line
        var field: [UInt8] = []
        place += 1
        while place < bytes.count {
            let byte = bytes[place]
            place += 1
            if byte == Self.quote {
                guard place < bytes.count, bytes[place] == Self.quote else {
                    guard place == bytes.count || bytes[place] == Self.comma || isEndOfLine else {
                        throw fault(
                            line,
                            "text behind a closing quotation mark; double the quotation marks inside of a field, and end it with "
                                + "a comma or the line")
                    }
                    return field
                }
                place += 1
            } else if byte == Self.lineFeed {
                line += 1
            } else if byte == 0 {
                throw fault(line, "a zero byte; labels are text in UTF-8, save the file as such")
            }
            field.append(byte)
            guard field.count <= Self.mostFieldBytes else { throw tooLong(first) }
        }
        throw fault(first, "a quotation mark is opened here and never closed; close it, or double it inside of a field")
    }

    private func tooLong(_ line: Int) -> ImageError {
        fault(
            line,
            "a field of more than \(Self.mostFieldBytes) bytes begins here; is a closing quotation mark or a line end missing?"
        )
    }
}

/// What editors put in front of a text.
enum TextMark {
    /// Bytes of the byte-order mark of UTF-8, 3 or 0; an error for that of UTF-16.
    static func length(of bytes: [UInt8], path: String) throws(ImageError) -> Int {
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            throw ImageError(.unsupported, path: path, "the text is UTF-16; save the file as UTF-8")
        }
        return bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    }
}
