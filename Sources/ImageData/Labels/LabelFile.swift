import RecipeSchema

/// The rows of a file that names pictures and their labels: `.csv` with a header line, or `.jsonl` with an object a line.
///
/// Names and labels are bytes, as names of files are. What they belong to is decided by `labelled`.
package struct LabelFile: Sendable {
    /// Which columns, or keys of JSON lines, are what; nil where the file itself is to tell.
    package struct Columns: Sendable {
        /// Of the file names; nil for `file`, else the first column.
        package var name: String?
        /// Of the labels; nil for `label`, else the second column.
        package var label: String?
        /// Of the groups that a split keeps together; nil without groups.
        package var group: String?

        /// The columns of some names.
        package init(name: String? = nil, label: String? = nil, group: String? = nil) {
            self.name = name
            self.label = label
            self.group = group
        }
    }

    struct Row: Sendable {
        /// Where the row begins, counted from 1.
        var line: Int
        var name: FileName
        /// Empty where the picture has none.
        var label: FileName
        /// Empty without groups.
        var group: FileName
    }

    /// Bytes of a file, at most.
    package static let mostBytes = 64 << 20
    /// Bytes of a label or a group, at most.
    private static let mostLabelBytes = 1024

    /// The file, for errors and notes.
    let path: String
    private(set) var rows: [Row] = []
    /// Which columns were taken, in a sentence.
    private(set) var note = ""
    /// All columns, or the keys of the first line.
    private(set) var header: [FileName] = []

    /// Reads a file.
    package init(_ path: String, columns: Columns) throws(ImageError) {
        // An unfitting name is told before the file is looked for.
        _ = try Self.isLines(path)
        try self.init(try readFile(path, limit: Self.mostBytes), path: path, columns: columns)
    }

    /// Reads the bytes of a file; `path` says by its ending what they are.
    package init(_ bytes: [UInt8], path: String, columns: Columns) throws(ImageError) {
        self.path = path
        if try Self.isLines(path) { try readLines(bytes, columns) } else { try readTable(bytes, columns) }
        guard !rows.isEmpty else {
            throw ImageError(
                .empty, path: path,
                "no row; a file of labels has a header line and a line a picture, or an object a line")
        }
    }

    /// The number of rows.
    package var count: Int { rows.count }

    /// Whether the ending says JSON lines; an error where it says neither form.
    private static func isLines(_ path: String) throws(ImageError) -> Bool {
        switch FileName(path).suffix {
        case "jsonl": return true
        case "csv": return false
        case let other:
            throw ImageError(
                .unsupported, path: path,
                "\(other.isEmpty ? "a name without an ending" : "the ending .\(FileName(other))"); labels are read from .csv "
                    + "(comma-separated, with a header line) and .jsonl (a JSON object a line); write one of them")
        }
    }

    private func fault(_ line: Int, _ message: String) -> ImageError {
        ImageError(.label, path: path, "line \(line): \(message)")
    }

    // MARK: Comma-separated

    private mutating func readTable(_ bytes: [UInt8], _ columns: Columns) throws(ImageError) {
        var reader = try CSVReader(bytes, path: path)
        guard let header = try reader.next() else { return }
        if header.fields.count == 1 {
            let other = [(";", "a semicolon"), ("\t", "a tab")].first { sign in
                header.fields[0].contains(where: { sign.0.utf8.elementsEqual([$0]) })
            }
            throw fault(
                header.line,
                "the header has a single column, `\(FileName(header.fields[0]).short)`; file names and labels are two columns, parted by "
                    + "a comma" + (other.map { " and not by \($0.1)" } ?? ""))
        }
        let chosen = try choose(header.fields.map { FileName($0) }, columns, line: header.line, "column")
        while let row = try reader.next() {
            guard row.fields.count == header.fields.count else {
                throw fault(
                    row.line,
                    "\(row.fields.count) fields, where the header has \(header.fields.count); put fields with commas into "
                        + "quotation marks")
            }
            try add(
                row.line, name: row.fields[chosen.name], label: row.fields[chosen.label],
                group: chosen.group.map { row.fields[$0] }, columns)
        }
    }

    // MARK: JSON lines

    private mutating func readLines(_ bytes: [UInt8], _ columns: Columns) throws(ImageError) {
        var place = try TextMark.length(of: bytes, path: path)
        var line = 0
        var keys: (name: String, label: String, group: String?)?
        while place < bytes.count {
            line += 1
            let end = bytes[place...].firstIndex(of: 10) ?? bytes.count
            let content = bytes[place..<end]
            place = end + 1
            guard content.contains(where: { ![0x20, 0x09, 0x0D].contains($0) }) else { continue }
            guard content.count <= 16 * CSVReader.mostFieldBytes else {
                throw fault(line, "a line of \(content.count) bytes; at most \(16 * CSVReader.mostFieldBytes) are read")
            }
            let object = try object(Array(content), line)
            let members = object.members ?? []
            if keys == nil {
                guard members.count >= 2 else {
                    throw fault(line, "an object of \(members.count) keys; file name and label are two")
                }
                let chosen = try choose(members.map { FileName($0.name) }, columns, line: line, "key")
                keys = (members[chosen.name].name, members[chosen.label].name, chosen.group.map { members[$0].name })
            }
            guard let keys else { continue }
            guard let name = object[keys.name]?.string else {
                let found = object[keys.name].map { "is \($0.brief)" } ?? "is missing"
                throw fault(
                    line, "the key `\(FileName(keys.name).short)` \(found); expected is a file name in quotation marks")
            }
            var group: [UInt8]?
            if let key = keys.group { group = try text(object[key], key, line) ?? [] }
            let label = try text(object[keys.label], keys.label, line) ?? []
            try add(line, name: Array(name.utf8), label: label, group: group, columns)
        }
    }

    private func object(_ text: [UInt8], _ line: Int) throws(ImageError) -> JSONValue {
        let value: JSONValue
        do throws(JSONSyntaxError) {
            value = try JSONParser.parse(text)
        } catch {
            throw ImageError(
                .corrupt, path: path,
                "line \(line), column \(error.column): \(error.message); each line is a JSON object")
        }
        guard value.members != nil else {
            throw fault(
                line,
                "\(value.brief) is no object; each line is a JSON object such as {\"file\": \"a.png\", \"label\": \"cat\"}"
            )
        }
        return value
    }

    /// The bytes of a string or of a number as it is written; nil for `null` and without the key.
    private func text(_ value: JSONValue?, _ key: String, _ line: Int) throws(ImageError) -> [UInt8]? {
        guard let value, !value.isNull else { return nil }
        if let string = value.string { return Array(string.utf8) }
        if case .number = value.kind { return Array(value.text().utf8) }
        throw fault(line, "the key `\(FileName(key).short)` is \(value.brief); allowed is a string, a number or null")
    }

    // MARK: Both

    private mutating func add(
        _ line: Int, name: [UInt8], label: [UInt8], group: [UInt8]?, _ columns: Columns
    ) throws(ImageError) {
        var name = name[...]
        while name.starts(with: "./".utf8) { name = name.dropFirst(2) }
        guard !name.isEmpty else { throw fault(line, "the file name is empty; name the picture, or remove the row") }
        for (noun, text) in [("label", label), ("group", group ?? [])] where text.count > Self.mostLabelBytes {
            throw fault(
                line,
                "a \(noun) of \(text.count) bytes; at most \(Self.mostLabelBytes) are allowed, the column of labels is named by "
                    + "data.source.label_column (\(note))")
        }
        if let group, group.isEmpty {
            throw fault(
                line,
                "`\(FileName(columns.group ?? ""))` is empty, and the split keeps together what has the same one; give each picture one"
            )
        }
        rows.append(Row(line: line, name: FileName(name), label: FileName(label), group: FileName(group ?? [])))
    }

    /// The places of the columns, each of which must be there once.
    private mutating func choose(
        _ header: [FileName], _ columns: Columns, line: Int, _ noun: String
    ) throws(ImageError) -> (name: Int, label: Int, group: Int?) {
        self.header = header
        func place(_ text: String, wantedBy option: String?) throws(ImageError) -> Int? {
            let places = header.indices.filter { header[$0] == FileName(text) }
            if places.count > 1 {
                throw fault(
                    line, "the \(noun) `\(FileName(text))` stands there \(places.count) times; rename all but one")
            }
            if places.isEmpty, let option {
                let names =
                    header.prefix(10).map { "`\($0.short)`" }.joined(separator: ", ") + (header.count > 10 ? ", …" : "")
                throw fault(
                    line, "no \(noun) `\(FileName(text))`, which data.source.\(option) names; there are \(names)")
            }
            return places.first
        }
        let named = try place(columns.name ?? "file", wantedBy: columns.name == nil ? nil : "name_column")
        let labelled = try place(columns.label ?? "label", wantedBy: columns.label == nil ? nil : "label_column")
        let name = named ?? (labelled == 0 ? 1 : 0)
        let label = labelled ?? (name == 1 ? 0 : 1)
        guard name != label else {
            throw fault(line, "`\(header[name].short)` is named for both file names and labels; they are two columns")
        }
        var group: Int?
        if let wanted = columns.group { group = try place(wanted, wantedBy: "split.group") }
        note =
            "labels: \(noun) `\(header[label].short)` of \(FileName(FileName(path).base)), file names: \(noun) `\(header[name].short)`"
        return (name, label, group)
    }
}

extension FileName {
    /// The name for people, cut where it is long: texts in a file of labels need not be names.
    var short: String { description.shown(limit: 100) }
}
