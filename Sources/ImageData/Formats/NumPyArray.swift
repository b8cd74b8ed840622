public import RecipeSchema

/// Which axes of a three-dimensional array are what.
public enum ArrayLayout: String, RecipeEnum {
    /// Told by the sizes, where only one of first and last axis can be the bands.
    case auto
    /// Height, width, bands.
    case hwc
    /// Bands, height, width.
    case chw
}

/// The header of a file in NumPy's `.npy` form, versions 1 to 3: the type of the numbers, their order and the sizes.
///
/// The form: `\x93NUMPY`, two bytes of version, the length of the header (2 bytes in version 1, else 4), and a Python
/// dictionary such as `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`; then the numbers.
struct NumPyHeader: Equatable {
    /// Bytes that a header may have.
    private static let mostBytes = 1 << 16

    /// The kind of number, as NumPy writes it: u, i or f.
    var kind: Character
    /// Bytes of a number.
    var size: Int
    /// True where the last byte of a number counts least.
    var isBigEndian: Bool
    /// True where the first axis runs fastest.
    var isFortran: Bool
    /// The sizes, outermost first.
    var shape: [Int]
    /// Where the numbers begin.
    var start: Int

    /// Sentences of faults have the form (reason, what was found).
    struct Fault: Error {
        var reason: ImageError.Reason
        var message: String
    }

    init(_ file: UnsafeRawBufferPointer) throws(Fault) {
        guard file.count >= 10 else { throw Fault(reason: .truncated, message: "the file ends inside its header") }
        let version = file[6]
        guard (1...3).contains(version) else {
            throw Fault(reason: .unsupported, message: "a .npy file of version \(version); 1, 2 and 3 are read")
        }
        let digits = version == 1 ? 2 : 4
        guard file.count >= 8 + digits else {
            throw Fault(reason: .truncated, message: "the file ends inside its header")
        }
        let length = (0..<digits).reduce(0) { $0 | Int(file[8 + $1]) << (8 * $1) }
        guard length <= Self.mostBytes else {
            throw Fault(
                reason: .corrupt, message: "a .npy header of \(length) bytes; \(Self.mostBytes) are allowed")
        }
        start = 8 + digits + length
        guard file.count >= start else { throw Fault(reason: .truncated, message: "the file ends inside its header") }
        var dictionary = PythonDictionary(file[(8 + digits)..<start])
        guard let values = dictionary.parse(), let order = values.order, let shape = values.shape else {
            throw Fault(
                reason: .corrupt,
                message: "a .npy header that is no dictionary of descr, fortran_order and shape")
        }
        isFortran = order
        self.shape = shape
        let text = Array(values.type ?? "")
        guard text.count == 3, "<>|=".contains(text[0]), let size = text[2].wholeNumberValue,
            ["u1", "u2", "u4", "i1", "i2", "i4", "f2", "f4", "f8"].contains(String(text[1...]))
        else {
            throw Fault(
                reason: .unsupported,
                message:
                    "numbers of type \(values.type.map { "`\(FileName($0))`" } ?? "other than one for all"); read are u1, u2, u4, "
                    + "i1, i2, i4, f2, f4 and f8. In Python: array.astype(\"float32\")")
        }
        kind = text[1]
        self.size = size
        isBigEndian = text[0] == ">"
    }
}

/// The little of Python's notation that headers have: a flat dictionary of texts, truth values and tuples of whole numbers.
private struct PythonDictionary {
    private var bytes: Slice<UnsafeRawBufferPointer>

    init(_ bytes: Slice<UnsafeRawBufferPointer>) { self.bytes = bytes }

    /// The values of the three keys; nil where the text is no such dictionary. `type` is nil where it is no text, as with
    /// records.
    mutating func parse() -> (type: String?, order: Bool?, shape: [Int]?)? {
        var values: (type: String?, order: Bool?, shape: [Int]?) = (nil, nil, nil)
        guard take("{") else { return nil }
        while !take("}") {
            guard let key = text(), take(":") else { return nil }
            switch key {
            case "descr":
                guard let type = text() else { return (nil, false, []) }
                values.type = type
            case "fortran_order":
                if word("True") {
                    values.order = true
                } else if word("False") {
                    values.order = false
                } else {
                    return nil
                }
            case "shape":
                guard let shape = tuple() else { return nil }
                values.shape = shape
            default: return nil
            }
            guard take(",") || bytes.first == UInt8(ascii: "}") else { return nil }
        }
        return values
    }

    private mutating func skipBlanks() {
        bytes = bytes.drop { $0 == 0x20 || $0 == 0x0A || $0 == 0x09 }
    }

    private mutating func take(_ sign: Unicode.Scalar) -> Bool {
        skipBlanks()
        guard bytes.first == UInt8(ascii: sign) else { return false }
        bytes = bytes.dropFirst()
        skipBlanks()
        return true
    }

    private mutating func word(_ text: String) -> Bool {
        guard bytes.starts(with: text.utf8) else { return false }
        bytes = bytes.dropFirst(text.utf8.count)
        skipBlanks()
        return true
    }

    private mutating func text() -> String? {
        guard let quote = bytes.first, quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else { return nil }
        let content = bytes.dropFirst().prefix { $0 != quote }
        guard content.endIndex < bytes.endIndex else { return nil }
        bytes = bytes.dropFirst(content.count + 2)
        // Only the value `descr` is kept, which is ASCII.
        let text = String(decoding: content, as: UTF8.self)
        skipBlanks()
        return text
    }

    private mutating func tuple() -> [Int]? {
        guard take("(") else { return nil }
        var numbers: [Int] = []
        while !take(")") {
            let digits = bytes.prefix { (0x30...0x39).contains($0) }
            guard !digits.isEmpty, numbers.count < 32, let number = Int(String(decoding: digits, as: UTF8.self)) else {
                return nil
            }
            numbers.append(number)
            bytes = bytes.dropFirst(digits.count)
            // Python 2 wrote long numbers so.
            if bytes.first == UInt8(ascii: "L") { bytes = bytes.dropFirst() }
            skipBlanks()
            guard take(",") || bytes.first == UInt8(ascii: ")") else { return nil }
        }
        return numbers
    }
}
