/// A fault of a recipe: where, what was found, what is allowed.
public struct Problem: Error, Sendable, Equatable, CustomStringConvertible {
    /// The line, from 1; `JSONValue.overrideLine` for a value given by `--set`; 0 where there is no text.
    public var line: Int
    /// The key path, such as `$.mask.ratio`.
    public var path: String
    /// What was found and what is allowed.
    public var message: String
    /// The key path whose value is not known because of the fault; nil for a fault between values that were read.
    public var spoilt: String?
    /// The key that nothing is known of, where that is the fault.
    public var unknownKey: String?

    /// A fault of a value, which is not known then.
    public init(line: Int, path: String, message: String) {
        self.line = line
        self.path = path
        self.message = message
        spoilt = path
    }

    /// A fault between values that were read each.
    public static func between(line: Int, path: String, message: String) -> Problem {
        var problem = Problem(line: line, path: path, message: message)
        problem.spoilt = nil
        return problem
    }

    /// A key that nothing is known of. The key that was probably meant is not known either.
    static func unknown(_ member: JSONValue.Member, below path: String, known: [String], guesses: Bool) -> Problem {
        let guess = guesses ? nearest(to: member.name, among: known) : nil
        let hint = guess.map { "did you mean \"\($0)\"?" } ?? "known are \(known.joined(separator: ", "))"
        var problem = Problem(
            line: member.line, path: "\(path).\(member.name.shown(limit: 60))", message: "unknown key; \(hint)")
        problem.spoilt = "\(path).\(guess ?? member.name)"
        problem.unknownKey = member.name
        return problem
    }

    /// Whether the value at a key path is not known because of this fault.
    public func spoils(_ key: String) -> Bool {
        guard let spoilt else { return false }
        return spoilt == key || key.hasPrefix(spoilt + ".") || spoilt.hasPrefix(key + ".")
            || spoilt.hasPrefix(key + "[")
    }

    /// The fault in one line.
    public var description: String {
        let (path, message) = (path.shown, message.shown)
        return switch line {
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

/// The nearest of `candidates` to a mistyped name, if one is near enough to be meant; letter case, hyphens and underscores
/// count for nothing.
public func nearest(to name: String, among candidates: some Sequence<String>) -> String? {
    // Nobody means an option by a name of a hundred letters, and distances of long texts take long.
    guard name.utf8.count <= 64 else { return nil }
    let plain = plainLetters(name)
    if let same = candidates.first(where: { plainLetters($0) == plain }) { return same }
    let limit = max(1, name.count / 3)
    let ranked = candidates.map { (editDistance(name, $0), $0) }.filter { $0.0 <= limit }
    return ranked.min { $0.0 < $1.0 }?.1
}

/// A name in small letters and digits alone.
package func plainLetters(_ name: String) -> String {
    name.lowercased().filter { $0.isLetter || $0.isNumber }
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
