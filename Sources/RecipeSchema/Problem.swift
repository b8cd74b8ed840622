/// A fault of a recipe: where, what was found, what is allowed.
public struct Problem: Error, Sendable, Equatable, CustomStringConvertible {
    /// The line, from 1; `JSONValue.overrideLine` for a value given by `--set`; 0 where there is no text.
    public var line: Int
    /// The key path, such as `$.mask.ratio`.
    public var path: String
    /// What was found and what is allowed.
    public var message: String

    /// A fault at a place.
    public init(line: Int, path: String, message: String) {
        self.line = line
        self.path = path
        self.message = message
    }

    /// The fault in one line.
    public var description: String {
        switch line {
        case JSONValue.overrideLine: "--set \(path.dropFirst(2)): \(message)"
        case 0: "\(path): \(message)"
        default: "line \(line): \(path): \(message)"
        }
    }
}

/// All faults of a recipe together.
public struct Problems: Error, Sendable, Equatable, CustomStringConvertible {
    /// The faults, in the order of the text.
    public var list: [Problem]

    /// Faults, sorted by their line.
    public init(_ list: [Problem]) {
        // Stable, with faults of the command line last.
        self.list = list.enumerated().sorted {
            let a = $0.element.line < 0 ? Int.max : $0.element.line
            let b = $1.element.line < 0 ? Int.max : $1.element.line
            return (a, $0.offset) < (b, $1.offset)
        }.map(\.element)
    }

    /// The faults, a line each.
    public var description: String { list.map(\.description).joined(separator: "\n") }
}

/// The nearest of `candidates` to a mistyped name, if one is near enough to be meant.
public func nearest(to name: String, among candidates: some Sequence<String>) -> String? {
    let limit = max(1, name.count / 3)
    let ranked = candidates.map { (editDistance(name, $0), $0) }.filter { $0.0 <= limit }
    return ranked.min { $0.0 < $1.0 }?.1
}

/// The least number of insertions, deletions, replacements and swaps of neighbours between two words.
func editDistance(_ a: String, _ b: String) -> Int {
    let a = Array(a)
    let b = Array(b)
    var rows = [Array(0...b.count)]
    for i in 0..<a.count {
        var row = [i + 1]
        for j in 0..<b.count {
            var best = min(rows[i][j] + (a[i] == b[j] ? 0 : 1), rows[i][j + 1] + 1, row[j] + 1)
            if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, rows[i - 1][j - 1] + 1) }
            row.append(best)
        }
        rows.append(row)
    }
    return rows[a.count][b.count]
}
