public import RecipeSchema

/// Which pages of TIFF files are pictures; in a recipe a number or `"all"`.
public enum TIFFPages: BoundedValue, Equatable {
    /// One page of each file, counted from 0.
    case one(Int)
    /// Each page of each file, as a picture of its own.
    case all

    private static let numbers = 0...TIFFDirectory.mostPages - 1

    /// The pages of a number or of `"all"`.
    public static func decode(_ json: JSONValue, at path: String, _ problems: inout [Problem]) -> TIFFPages? {
        if json.string == "all" { return .all }
        var faults: [Problem] = []
        if let page = Int.decode(json, at: path, &faults), numbers.contains(page) { return .one(page) }
        problems.append(
            Problem(line: json.line, path: path, message: "found \(json.brief), allowed is \(typeWords)"))
        return nil
    }

    /// A number or a word.
    public var encoded: JSONValue {
        switch self {
        case .one(let page): JSONValue(page)
        case .all: JSONValue("all")
        }
    }

    /// A number or a word.
    public static var schema: JSONValue {
        .oneOf(
            .object([("const", JSONValue("all"))]),
            .object([
                ("type", JSONValue("integer")), ("minimum", JSONValue(numbers.lowerBound)),
                ("maximum", JSONValue(numbers.upperBound)),
            ]))
    }

    /// Its words.
    public static var typeWords: String {
        "an integer from \(numbers.lowerBound) to \(numbers.upperBound), or \"all\""
    }
}

/// How many pictures the pages of a file are, told by its directories: no picture is read for it.
package struct TIFFPageCount {
    /// Pages, at least 1. A directory that cannot be read is the last one, so that the error of reading it tells what is lost.
    package private(set) var pages = 1
    /// What is told of the file; nil for nothing.
    private(set) var note: String?

    /// Counts the pages of a file, up to `most`; what is no TIFF or cannot be opened has one.
    package init(of path: FileName, most: Int = .max) {
        guard let file = try? OpenFile(path), let numbers = TIFFNumbers(file),
            var next = numbers.number(numbers.form.isBig ? 8 : 4, numbers.form.offsetBytes)
        else { return }
        var seen: Set<UInt64> = []
        while next != 0, seen.count < most {
            guard seen.insert(next).inserted else {
                note = "the pages of `\(path)` lead back to an earlier one; its \(seen.count) different pages are read"
                break
            }
            guard seen.count <= TIFFDirectory.mostPages else {
                seen.remove(next)
                note = "`\(path)` has more than \(TIFFDirectory.mostPages) pages; so many are read"
                break
            }
            guard let following = numbers.directory(behind: next) else { break }
            next = following
        }
        pages = max(1, seen.count)
    }
}
