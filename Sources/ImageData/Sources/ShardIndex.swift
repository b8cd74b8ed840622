import RecipeSchema

/// One archive: where its pictures lie, and what its labels say.
struct ShardIndex {
    /// A file of the archive.
    struct Member {
        var name: FileName
        /// The place in the file, or in the shard's memory.
        var offset: Int
        var size: Int
        var kind: Kind
        /// What a label says; a fault is kept until it is known that the label is used.
        var label: Result<Int32?, LabelFault> = .success(nil)
        /// Where a link leads.
        var target: FileName?
        /// True where the content is that of another member.
        var isLink = false
    }

    /// What a member is by the end of its name.
    enum Kind { case picture, label, other }

    /// Why a label cannot be used.
    struct LabelFault: Error { var message: String }

    /// Best first. Arrays come last: beside a picture they are mostly something else, such as a mask or features.
    static let pictureSuffixes =
        ["jpg", "jpeg", "png", "img", "jpe", "jfif"] + (ImageFormat.tiff.suffixes + ImageFormat.webp.suffixes + ["npy"])
    static let labelSuffixes = ["cls", "json"]
    /// Most bytes behind the end mark of a compressed archive that are inflated.
    private static let longestTail = 16 << 20
    /// Bytes of pictures that any compressed shard may hold.
    private static let freeBytes = 32 << 20
    /// Bytes of pictures that larger ones may hold, for each of theirs.
    private static let mostInflation = 8
    /// Most bytes of a label member.
    private static let longestLabel = 1 << 20

    let path: FileName
    let size: Int
    /// The kept contents of a compressed shard; nil where the file itself is read.
    private(set) var memory: [UInt8]?
    /// All files, in the order of the archive.
    var members: [Member] = []
    private(set) var ledger = SourceLedger()

    /// The pictures and labels of a file.
    ///
    /// - Parameters:
    ///   - memoryLeft: bytes of pictures of compressed shards that may be kept; nil keeps none.
    init(_ path: FileName, labelKey: String, memoryLeft: Int?) throws(ImageError) {
        let file = try OpenFile(path)
        self.path = path
        size = file.size
        if try GzipInput.recognises(file) {
            memory = []
            var reader = TarReader(try GzipInput(file), path: file.path)
            try collect(&reader, labelKey, memoryLeft)
            // The end of the stream holds its checksum. Behind the end mark there is padding to a block of 10 or more
            // kilobytes; a tail longer than any is not looked at.
            var rest = reader.input
            _ = try rest.skip(Self.longestTail)
        } else {
            var reader = TarReader(FileInput(file), path: file.path)
            try collect(&reader, labelKey, nil)
        }
        followLinks()
    }

    static func kind(of name: FileName) -> Kind {
        let suffix = name.suffix
        if pictureSuffixes.contains(suffix) { return .picture }
        return labelSuffixes.contains(suffix) ? .label : .other
    }

    private mutating func collect<Input: ByteInput>(
        _ reader: inout TarReader<Input>, _ labelKey: String, _ memoryLeft: Int?
    ) throws(ImageError) {
        let path = path.description
        // Pictures are compressed already: what gzip makes much smaller still is made up.
        let room = min(memoryLeft ?? 0, Self.freeBytes + Self.mostInflation * size)
        var memory: [UInt8] = []
        var members: [Member] = []
        var found = SourceLedger()
        try reader.read(
            wants: { (member) throws(ImageError) in
                switch Self.kind(of: member.name) {
                case .label:
                    guard member.size <= Self.longestLabel else {
                        throw ImageError(
                            .label, path: path, member: member.name.description,
                            "a label of \(member.size) bytes; at most \(Self.longestLabel) are read")
                    }
                    return true
                case .other: return false
                case .picture:
                    guard memoryLeft != nil else { return false }
                    guard member.size <= room - memory.count else {
                        throw ImageError(
                            .tooLarge, path: path, member: member.name.description,
                            "more than \(room >> 20) MB of pictures in a compressed shard; decompress it to plain .tar"
                        )
                    }
                    return true
                }
            },
            visit: { (member, content) throws(ImageError) in
                guard !member.name.isHidden else {
                    found.add(.hidden, member.name.description)
                    return
                }
                let kind = Self.kind(of: member.name)
                var made = Member(
                    name: member.name, offset: member.offset, size: member.size, kind: kind, target: member.target)
                if kind == .label, let content {
                    made.label = Self.label(member.name.suffix, content, labelKey)
                } else if let content {
                    made.offset = memory.count
                    memory += content
                }
                members.append(made)
            })
        self.members = members
        if self.memory != nil { self.memory = memory }
        ledger.add(reader.ledger)
        ledger.add(found)
    }

    /// Gives every link the content of the member that it leads to, over at most a few links, and counts the others.
    private mutating func followLinks() {
        guard members.contains(where: { $0.target != nil }) else { return }
        var places: [FileName: Int] = [:]
        for (place, member) in members.enumerated() {
            places[FileName(member.name.components.joined(separator: [FileName.slash]))] = place
        }
        var followed: [Member] = []
        for member in members {
            if let end = Self.end(of: member, places, members) {
                followed.append(end)
            } else {
                ledger.add(.linkMember, member.name.description)
            }
        }
        members = followed
    }

    /// The member with the content that it leads to; nil where that is not there, or not of the same kind.
    private static func end(of member: Member, _ places: [FileName: Int], _ members: [Member]) -> Member? {
        var end = member
        var steps = 0
        while let target = end.target {
            steps += 1
            guard steps <= 8, let place = places[target] else { return nil }
            end = members[place]
        }
        // Contents of other kinds were not kept.
        guard end.kind == member.kind else { return nil }
        end.name = member.name
        end.isLink = member.target != nil
        return end
    }

    /// What a label says: a number from 0 on, nothing (nil), or something that cannot be used.
    private static func label(
        _ suffix: String, _ content: [UInt8], _ labelKey: String
    ) -> Result<Int32?, LabelFault> {
        func fault(_ message: String) -> Result<Int32?, LabelFault> { .failure(LabelFault(message: message)) }
        var found = String(decoding: content, as: UTF8.self)
        if suffix == "json" {
            let json: JSONValue
            do {
                json = try JSONParser.parse(content)
            } catch let syntax {
                return fault("the json member is malformed: \(syntax)")
            }
            guard json.members != nil else { return fault("the json member is no object") }
            guard let value = json[labelKey], !value.isNull else { return .success(nil) }
            guard let text = value.string ?? value.int.map(String.init) else {
                return fault("the json member's `\(labelKey)` is no integer")
            }
            found = text
        }
        let digits = found.trimmingASCIISpace()
        guard let label = Int32(digits), label >= 0 else {
            return fault("the label `\(digits.prefix(40))` is no integer from 0 to \(Int32.max)")
        }
        return .success(label)
    }
}
