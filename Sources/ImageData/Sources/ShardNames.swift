/// The shards that a text names.
enum ShardNames {
    /// Most names that braces may stand for.
    static let most = 100_000

    /// The files of a path: all `.tar`, `.tar.gz` and `.tgz` of a folder, sorted; else the names that its braces stand
    /// for, each of which must exist.
    static func files(_ path: String) throws(ImageError) -> [String] {
        if kind(of: path) == .folder {
            let names = try names(in: path)
            guard !names.isEmpty else {
                throw ImageError(
                    .empty, path: path, "no shards in this folder; files ending in .tar or .tar.gz are read")
            }
            return names.map { "\(path)/\($0)" }
        }
        let files = try expand(path)
        for file in files where kind(of: file) != .file {
            throw ImageError(.io, path: file, "there is no such shard")
        }
        return files
    }

    /// The names of the shards directly in a folder, sorted by their bytes.
    static func names(in folder: String) throws(ImageError) -> [String] {
        var unnameable = 0
        return try FolderWalk.entries(of: folder, unnameable: &unnameable).filter { !$0.isFolder }.map(\.name)
            .filter(isShard)
    }

    /// True for names that end as shards do.
    static func isShard(_ name: String) -> Bool { [".tar", ".tar.gz", ".tgz"].contains { name.hasSuffix($0) } }

    /// The texts that braces stand for: `{000..011}` counts, both ends included, with the zeros of its first bound;
    /// `{a,b}` lists. Several groups multiply, the last one fastest; other braces stay as they are.
    static func expand(_ text: String) throws(ImageError) -> [String] {
        guard let open = text.firstIndex(of: "{"), let close = text[open...].firstIndex(of: "}") else { return [text] }
        let content = text[text.index(after: open)..<close]
        let rest = try expand(String(text[text.index(after: close)...]))
        let head = text[..<open]
        let choices: [String]
        if let range = range(content) {
            guard range.last - range.first < most else { throw tooMany(text) }
            choices = (range.first...range.last).map { number in
                let digits = String(number)
                return String(repeating: "0", count: max(0, range.width - digits.count)) + digits
            }
        } else if content.contains(",") {
            choices = content.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        } else {
            choices = ["{\(content)}"]
        }
        guard choices.count * rest.count <= most else { throw tooMany(text) }
        return choices.flatMap { choice in rest.map { head + choice + $0 } }
    }

    private static func tooMany(_ text: String) -> ImageError {
        ImageError(.tooLarge, path: text, "the braces stand for more than \(most) names")
    }

    /// `FIRST..LAST` with digits alone and FIRST ≤ LAST; the width of numbers where the first one has leading zeros.
    private static func range(_ content: Substring) -> (first: Int, last: Int, width: Int)? {
        guard let dots = content.firstRange(of: "..") else { return nil }
        let low = content[..<dots.lowerBound]
        let high = content[dots.upperBound...]
        guard !low.isEmpty, !high.isEmpty, (low + high).allSatisfy({ $0.isASCII && $0.isNumber }),
            let first = Int(low), let last = Int(high), first <= last
        else { return nil }
        return (first, last, low.first == "0" ? low.count : 0)
    }
}
