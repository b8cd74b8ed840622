import ContentDigests
import RecipeSchema

/// Pictures in tar archives, plain or gzip-compressed: WebDataset groups, or class folders.
///
/// Consecutive members with the same path up to the first dot of the base name are one sample: a picture (`jpg`, `jpeg`,
/// `png` or `img`) and its label (`cls`, an integer in ASCII; or `json`, an object with the key `label`). Where no shard
/// has a label member and all pictures lie in folders, the first folder of the path is the class, and every picture is a
/// sample by itself.
///
/// A plain archive is indexed once and read in place; a compressed one is inflated once, its pictures kept in memory.
public struct ShardSource: ImageSource {
    /// Most inflated bytes kept of compressed shards.
    public static let mostMemory = 4 << 30

    /// The names of the classes: of class folders, of a file `classes.txt` beside the shards, or given.
    public let labelNames: [String]?
    private let shards: [Shard]
    private let samples: [Sample]
    private let decoder: ImageDecoder

    private struct Shard {
        var path: String
        var size: Int
        /// The kept contents of a compressed shard; nil where the file itself is read.
        var memory: [UInt8]?
        /// All files, in the order of the archive.
        var members: [Member] = []
    }

    private struct Member {
        var name: String
        /// The place in the file, or in the shard's memory.
        var offset: Int
        var size: Int
        /// The content of a label.
        var text: [UInt8]?
    }

    private struct Sample {
        var shard: Int
        var key: String
        var offset: Int
        var size: Int
        /// −1 without one.
        var label: Int32
    }

    /// The samples of shards, in their order.
    ///
    /// - Parameters:
    ///   - path: a shard, a text with braces such as `train-{00000..00009}.tar`, or a folder of shards.
    ///   - labelKey: the key of the label in `json` members.
    ///   - table: the classes in the order of their labels, for labels to be checked against; class folders must be
    ///     among them.
    public init(
        _ path: String, labelKey: String = "label", table: ClassTable? = nil, decoder: ImageDecoder = ImageDecoder()
    ) throws(ImageError) {
        try self.init(
            files: ShardNames.files(path), otherParts: [], labelKey: labelKey, table: table, decoder: decoder)
    }

    /// The samples of shard files. `otherParts` are shards of other splits, looked at only where class folders are numbered:
    /// a class that is missing from one split must not shift the numbers of the rest.
    init(
        files: [String], otherParts: [String], labelKey: String, table: ClassTable?, decoder: ImageDecoder
    ) throws(ImageError) {
        self.decoder = decoder
        var shards: [Shard] = []
        var memory = 0
        for file in files {
            let shard = try Self.index(file, memoryLeft: Self.mostMemory - memory)
            memory += shard.memory?.count ?? 0
            shards.append(shard)
        }
        if let found = Self.classFolders(shards) {
            // Not `??`: its right side cannot throw a typed error.
            let table = if let table { table } else { try Self.table(found, otherParts) }
            labelNames = table.names
            samples = try Self.samplesOfFolders(shards, table.labels)
        } else {
            if let table { labelNames = table.names } else { labelNames = try Self.classesFile(beside: files) }
            samples = try Self.samplesOfGroups(shards, labelKey: labelKey, classes: labelNames?.count)
        }
        guard !samples.isEmpty else {
            throw ImageError(
                .empty, path: files.first ?? "",
                "no sample in \(files.count == 1 ? "this shard" : "these shards"); members ending in .jpg, .jpeg or .png are read"
            )
        }
        for i in shards.indices { shards[i].members = [] }
        self.shards = shards
    }

    /// The number of samples.
    public var count: Int { samples.count }

    /// A digest of the keys, sizes and labels of all samples.
    public var fingerprint: String {
        var digest = SHA256()
        for sample in samples {
            digest.update([UInt8]("\(sample.key)\0\(sample.size)\0\(sample.label)\0".utf8))
        }
        return digest.hexadecimal()
    }

    /// Reads and decodes a picture from its shard.
    public func image(_ index: Int) throws(ImageError) -> DecodedImage { try decoded(index, nil) }

    /// Reads and decodes a picture, a JPEG perhaps at a fraction of its size.
    public func image(_ index: Int, reduction: @escaping ImageDecoder.Reduction) throws(ImageError) -> DecodedImage {
        try decoded(index, reduction)
    }

    private func decoded(_ index: Int, _ reduction: ImageDecoder.Reduction?) throws(ImageError) -> DecodedImage {
        let sample = samples[index]
        let shard = shards[sample.shard]
        if let memory = shard.memory {
            return try decoder.decode(
                memory[sample.offset..<(sample.offset + sample.size)], path: shard.path, member: sample.key,
                reduction: reduction
            ).image
        }
        let file = try OpenFile(shard.path)
        guard file.size == shard.size else {
            throw ImageError(
                .io, path: shard.path, "the shard has \(file.size) bytes and had \(shard.size) when it was opened")
        }
        guard sample.size <= decoder.mostFileBytes else {
            throw ImageError(
                .tooLarge, path: shard.path, member: sample.key,
                "\(sample.size) bytes; at most \(decoder.mostFileBytes) are read")
        }
        var bytes = [UInt8](repeating: 0, count: sample.size)
        guard try file.read(into: &bytes, at: sample.offset) == sample.size else {
            throw ImageError(.truncated, path: shard.path, member: sample.key, "the shard ends inside this member")
        }
        return try decoder.decode(bytes, path: shard.path, member: sample.key, reduction: reduction).image
    }

    /// The label of a sample; nil where it has none.
    public func label(_ index: Int) -> Int? { samples[index].label < 0 ? nil : Int(samples[index].label) }

    /// The key of a sample: its members' common path.
    public func key(_ index: Int) -> String { samples[index].key }
}

extension ShardSource {
    private static let pictureSuffixes = ["jpg", "jpeg", "png", "img"]
    /// Most bytes behind the end mark of a compressed archive that are inflated.
    private static let longestTail = 16 << 20
    /// Bytes of pictures that any compressed shard may hold.
    private static let freeBytes = 32 << 20
    /// Bytes of pictures that larger ones may hold, for each of theirs.
    private static let mostInflation = 8
    /// Most bytes of a label member.
    private static let longestLabel = 1 << 20

    /// The pictures and labels of one shard.
    private static func index(_ path: String, memoryLeft: Int) throws(ImageError) -> Shard {
        let file = try OpenFile(path)
        var shard = Shard(path: path, size: file.size)
        if try GzipInput.recognises(file) {
            shard.memory = []
            var reader = TarReader(try GzipInput(file), path: path)
            try collect(&reader, into: &shard, memoryLeft: memoryLeft)
            // The end of the stream holds its checksum. Behind the end mark there is padding to a block of 10 or more
            // kilobytes; a tail longer than any is not looked at.
            var rest = reader.input
            _ = try rest.skip(longestTail)
        } else {
            var reader = TarReader(FileInput(file), path: path)
            try collect(&reader, into: &shard, memoryLeft: 0)
        }
        return shard
    }

    private static func collect<Input: ByteInput>(
        _ reader: inout TarReader<Input>, into shard: inout Shard, memoryLeft: Int
    ) throws(ImageError) {
        let path = shard.path
        let inMemory = shard.memory != nil
        // Pictures are compressed already: what gzip makes much smaller still is made up.
        let room = min(memoryLeft, freeBytes + mostInflation * shard.size)
        var memory: [UInt8] = []
        var members: [Member] = []
        try reader.read(
            wants: { (member) throws(ImageError) in
                let suffix = suffix(of: member.name)
                if isLabel(suffix) {
                    guard member.size <= longestLabel else {
                        throw ImageError(.label, path: path, member: member.name, "a label of \(member.size) bytes")
                    }
                    return true
                }
                guard inMemory, pictureSuffixes.contains(suffix) else { return false }
                guard member.size <= room - memory.count else {
                    throw ImageError(
                        .tooLarge, path: path, member: member.name,
                        "more than \(room >> 20) MB of pictures in a compressed shard; decompress it to plain .tar"
                    )
                }
                return true
            },
            visit: { (member, content) throws(ImageError) in
                if isLabel(suffix(of: member.name)) {
                    members.append(Member(name: member.name, offset: 0, size: member.size, text: content))
                } else {
                    members.append(
                        Member(name: member.name, offset: inMemory ? memory.count : member.offset, size: member.size))
                    if let content { memory += content }
                }
            })
        shard.members = members
        if inMemory { shard.memory = memory }
    }

    private static func isPicture(_ name: String) -> Bool {
        pictureSuffixes.contains(suffix(of: name)) && !baseName(name).hasPrefix(".")
    }

    private static func isLabel(_ suffix: String) -> Bool { suffix == "cls" || suffix == "json" }

    /// The first folders of all pictures; nil unless there is no label member and every picture lies in a folder.
    private static func classFolders(_ shards: [Shard]) -> Set<String>? {
        var names = Set<String>()
        for member in shards.lazy.flatMap(\.members) {
            guard member.text == nil else { return nil }
            guard isPicture(member.name) else { continue }
            guard let name = folder(of: member.name) else { return nil }
            names.insert(name)
        }
        return names
    }

    /// The classes of these and other shards together.
    private static func table(_ found: Set<String>, _ otherParts: [String]) throws(ImageError) -> ClassTable {
        var folders = found
        for file in otherParts {
            let shard = try index(file, memoryLeft: mostMemory)
            folders.formUnion(classFolders([shard]) ?? [])
        }
        return ClassTable(folders: folders)
    }

    /// The first folder of a path, "./" not counted.
    private static func folder(of name: String) -> String? {
        let path = name.hasPrefix("./") ? name.dropFirst(2) : name[...]
        guard let slash = path.firstIndex(of: "/"), slash > path.startIndex else { return nil }
        return String(path[..<slash])
    }

    private static func samplesOfFolders(_ shards: [Shard], _ numbers: [String: Int32]) throws(ImageError) -> [Sample] {
        var samples: [Sample] = []
        for (index, shard) in shards.enumerated() {
            for member in shard.members where isPicture(member.name) {
                let folder = folder(of: member.name) ?? ""
                guard let label = numbers[folder] else {
                    throw ImageError(
                        .label, path: shard.path, member: member.name,
                        "the folder `\(folder)` is none of the \(numbers.count) classes")
                }
                samples.append(
                    Sample(shard: index, key: member.name, offset: member.offset, size: member.size, label: label))
            }
        }
        return samples
    }

    private static func samplesOfGroups(
        _ shards: [Shard], labelKey: String, classes: Int?
    ) throws(ImageError) -> [Sample] {
        var samples: [Sample] = []
        for (index, shard) in shards.enumerated() {
            var group: [String: Member] = [:]
            var key = ""
            func finish() throws(ImageError) {
                defer { group.removeAll(keepingCapacity: true) }
                guard let picture = pictureSuffixes.lazy.compactMap({ group[$0] }).first else { return }
                let label = try label(of: group, labelKey, classes) { message in
                    ImageError(.label, path: shard.path, member: key, message)
                }
                samples.append(
                    Sample(shard: index, key: key, offset: picture.offset, size: picture.size, label: label ?? -1))
            }
            for member in shard.members {
                let base = baseName(member.name)
                guard let dot = base.firstIndex(of: "."), dot > base.startIndex, !isMetadata(member.name) else {
                    continue
                }
                let memberKey = String(member.name[..<dot])
                let suffix = base[base.index(after: dot)...].lowercased()
                if memberKey != key {
                    try finish()
                    key = memberKey
                }
                guard group.updateValue(member, forKey: suffix) == nil else {
                    throw ImageError(
                        .duplicate, path: shard.path, member: key, "`.\(suffix)` stands twice in this sample")
                }
            }
            try finish()
        }
        return samples
    }

    private static func baseName(_ path: String) -> Substring {
        path.lastIndex(of: "/").map { path[path.index(after: $0)...] } ?? path[...]
    }

    /// True for members that describe the archive, such as `__index__.json`.
    private static func isMetadata(_ name: String) -> Bool {
        name.split(separator: "/").contains { part in
            let stem = part.prefix { $0 != "." }
            return stem.count > 4 && stem.hasPrefix("__") && stem.hasSuffix("__")
        }
    }

    /// The label of a group; nil where it has no entry for one.
    private static func label(
        of group: [String: Member], _ labelKey: String, _ classes: Int?, _ error: (String) -> ImageError
    ) throws(ImageError) -> Int32? {
        let found: String
        if let text = group["cls"]?.text {
            found = String(decoding: text, as: UTF8.self)
        } else if let text = group["json"]?.text {
            let json: JSONValue
            do {
                json = try JSONParser.parse(text)
            } catch let syntax {
                throw error("the json member is malformed: \(syntax)")
            }
            guard json.members != nil else { throw error("the json member is no object") }
            guard let value = json[labelKey], !value.isNull else { return nil }
            guard let text = value.string ?? value.int.map(String.init) else {
                throw error("the json member's `\(labelKey)` is no integer")
            }
            found = text
        } else {
            return nil
        }
        let digits = found.trimmingASCIISpace()
        guard let label = Int32(digits), label >= 0 else {
            throw error("the label `\(digits.prefix(40))` is no integer ≥ 0")
        }
        if let classes, label >= classes {
            throw error("the label \(label) is out of range; there are \(classes) classes")
        }
        return label
    }

    /// The lines of `classes.txt` in the folder of the first shard; nil without such a file.
    private static func classesFile(beside files: [String]) throws(ImageError) -> [String]? {
        guard let first = files.first else { return nil }
        let folder = first.lastIndex(of: "/").map { String(first[..<$0]) } ?? "."
        return try classNames(file: "\(folder)/classes.txt")
    }
}
