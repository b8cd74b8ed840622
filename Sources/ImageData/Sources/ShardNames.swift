/// The shards that a text names.
enum ShardNames {
    /// Most names that braces may stand for.
    static let most = 100_000
    /// Most bytes of the text, which is that of a path on Linux.
    static let longest = 4096

    /// The files of a path: all `.tar`, `.tar.gz` and `.tgz` of a folder, sorted; else the names that its braces stand
    /// for, each of which must exist.
    static func files(_ path: String) throws(ImageError) -> [FileName] {
        if kind(of: path) == .folder {
            let names = names(in: path)
            guard !names.isEmpty else {
                throw ImageError(
                    .empty, path: path, "no shards in this folder; files ending in .tar or .tar.gz are read")
            }
            return names.map { $0.inside(FileName(path)) }
        }
        // A file may really be called so.
        if kind(of: path) == .file { return [FileName(path)] }
        let files = try expand(path).map { FileName($0) }
        for file in files where kind(of: file) != .file {
            throw ImageError(.io, path: file.description, "there is no such shard")
        }
        return files
    }

    /// The names of the shards directly in a folder, sorted by their bytes.
    static func names(in folder: String) -> [FileName] {
        FolderWalk.look(FileName(folder)).filter { !$0.isFolder && isShard($0.name) }.map(\.name)
    }

    /// True for names that end as shards do.
    static func isShard(_ name: FileName) -> Bool {
        let text = FileName.lowercased(name.base)
        return [".tar", ".tar.gz", ".tgz"].contains { text.hasSuffix($0) }
    }

    /// The texts that braces stand for: `{000..011}` counts, both ends included, with the zeros of its first bound;
    /// `{a,b}` lists. Several groups multiply, the last one fastest; other braces stay as they are.
    static func expand(_ text: String) throws(ImageError) -> [String] {
        guard text.utf8.count <= longest else {
            throw ImageError(
                .tooLarge, path: String(text.prefix(60)) + "…",
                "a path of \(text.utf8.count) bytes; at most \(longest) are read. Give a folder of shards instead")
        }
        var made = [""]
        var rest = text[...]
        while let open = rest.firstIndex(of: "{"), let close = rest[open...].firstIndex(of: "}") {
            let head = rest[..<open]
            let content = rest[rest.index(after: open)..<close]
            rest = rest[rest.index(after: close)...]
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
            guard made.count * choices.count <= most else { throw tooMany(text) }
            made = made.flatMap { start in choices.map { start + head + $0 } }
        }
        return made.map { $0 + rest }
    }

    private static func tooMany(_ text: String) -> ImageError {
        ImageError(
            .tooLarge, path: text, "the braces stand for more than \(most) names; give a folder of shards instead")
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
