/// Pictures in tar archives, plain or gzip-compressed: WebDataset groups, or class folders.
///
/// Consecutive members with the same path up to the first dot of the base name are one sample: a picture (`jpg`, `jpeg`,
/// `png`, `img`, `tif`, `tiff`, `webp` or `npy`) and its label (`cls`, an integer in ASCII; or `json`, an object with the key `label`); see
/// `ShardGroups` for other orders and dots. Where no picture has a label member and all lie in folders, the first folder
/// of the path is the class, and every picture is a sample by itself.
///
/// A plain archive is indexed once and read in place; a compressed one is inflated once, its pictures kept in memory.
public struct ShardSource: ImageSource {
    /// Most inflated bytes kept of compressed shards.
    public static let mostMemory = 4 << 30

    /// The names of the classes: of class folders, of a file `classes.txt` beside the shards, or given.
    public let labelNames: [String]?
    /// Members that were passed over, archives that ended early or were joined, and what is told of the classes.
    public let ledger: SourceLedger
    private let shards: [ShardIndex]
    private let samples: [Sample]
    private let decoder: ImageDecoder

    private struct Sample {
        var shard: Int
        var key: FileName
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
            files: ShardNames.files(path), training: [], labelKey: labelKey, table: table, decoder: decoder)
    }

    /// The samples of shard files. `training` are the shards of the training part where these are another one: they number
    /// the classes.
    init(
        files: [FileName], training: [FileName], labelKey: String, table: ClassTable?, decoder: ImageDecoder,
        ledger: SourceLedger = SourceLedger()
    ) throws(ImageError) {
        self.decoder = decoder
        var ledger = ledger
        var shards: [ShardIndex] = []
        var memory = 0
        for file in files {
            let shard = try ShardIndex(file, labelKey: labelKey, memoryLeft: Self.mostMemory - memory)
            memory += shard.memory?.count ?? 0
            ledger.add(shard.ledger)
            shards.append(shard)
        }
        let groups = shards.map { ShardGroups($0) }
        let names = try ShardClasses.file(beside: files)
        let known: Known
        if let table {
            known = Known(table: table)
        } else if training.isEmpty {
            known = Known()
        } else {
            known = try Known(training: training, labelKey, names)
        }
        let place = files.first?.description ?? ""
        if let found = ShardClasses.folders(shards, groups), known.hasFolders {
            let own = Self.table(names, found.names)
            let table = known.table ?? own
            if let unknown = table.unknown(found.names, in: place) { throw unknown }
            for sentence in table.notes + [ShardClasses.note(found.names)].compactMap({ $0 }) { ledger.note(sentence) }
            if let sentence = table.absent(from: found.names, part: training.isEmpty ? "training" : "test") {
                ledger.note(sentence)
            }
            if let names, table.names != names {
                ledger.note("`classes.txt` beside the shards is not used: it has not all of their class folders")
            }
            labelNames = table.names
            samples = Self.samplesOfFolders(shards, table.labels, found.depth, &ledger)
        } else {
            // Not `??`: its right side cannot throw a typed error.
            if let table { labelNames = table.names } else { labelNames = names }
            samples = try Self.samplesOfGroups(shards, groups, classes: labelNames?.count, &ledger)
            if let seen = known.labels,
                let sentence = ShardClasses.unseen(samples.map(\.label), training: seen, names: labelNames)
            {
                ledger.note(sentence)
            }
        }
        guard !samples.isEmpty else {
            throw ImageError(
                .empty, path: place,
                "no sample in \(files.count == 1 ? "this shard" : "these shards"); members ending in \(ShardIndex.pictureSuffixes.map { ".\($0)" }.joined(separator: " ")) are read"
                    + (ledger.summary.map { "; \($0)" } ?? ""))
        }
        for i in shards.indices { shards[i].members = [] }
        self.shards = shards
        self.ledger = ledger
        let samples = samples
        if let fault = LabelLimit.fault(samples.map(\.label), in: place, key: { samples[$0].key.description }) {
            throw fault
        }
    }

    /// What is known of the classes before a part is looked at.
    private struct Known {
        /// The classes of folders; nil where the part itself tells them.
        var table: ClassTable?
        /// False where the training part numbers its classes by labels.
        var hasFolders = true
        /// The labels of the training part.
        var labels: Set<Int32>?

        init(table: ClassTable? = nil) { self.table = table }

        init(training: [FileName], _ labelKey: String, _ names: [String]?) throws(ImageError) {
            var shards: [ShardIndex] = []
            for file in training { shards.append(try ShardIndex(file, labelKey: labelKey, memoryLeft: nil)) }
            let groups = shards.map { ShardGroups($0) }
            if let found = ShardClasses.folders(shards, groups) {
                table = ShardSource.table(names, found.names)
            } else {
                hasFolders = false
                var labels = Set<Int32>()
                for (shard, groups) in zip(shards, groups) {
                    for place in groups.groups.compactMap(\.label) {
                        if case .success(let label?) = shard.members[place].label { labels.insert(label) }
                    }
                }
                self.labels = labels
            }
        }
    }

    /// The classes of folders in the order of `classes.txt` where it has them all, else of their bytes.
    private static func table(_ names: [String]?, _ folders: Set<FileName>) -> ClassTable {
        if let names, Set(names.map { FileName($0) }).isSuperset(of: folders) {
            return ClassTable(names: names, folders: names)
        }
        return ClassTable(folders: folders)
    }

    private static func samplesOfFolders(
        _ shards: [ShardIndex], _ numbers: [FileName: Int32], _ depth: Int, _ ledger: inout SourceLedger
    ) -> [Sample] {
        var samples: [Sample] = []
        for (index, shard) in shards.enumerated() {
            for member in shard.members {
                guard member.kind == .picture, let folder = ShardClasses.folder(of: member.name, depth),
                    let label = numbers[folder]
                else {
                    ledger.add(
                        member.kind == .label
                            ? .labelWithoutPicture
                            : FolderWalk.unreadable.contains(member.name.suffix) ? .otherFormat : .otherSuffix,
                        member.name.description)
                    continue
                }
                if !member.name.isUTF8 { ledger.add(.nameNotUTF8, member.name.description) }
                samples.append(
                    Sample(shard: index, key: member.name, offset: member.offset, size: member.size, label: label))
            }
        }
        return samples
    }

    private static func samplesOfGroups(
        _ shards: [ShardIndex], _ groups: [ShardGroups], classes: Int?, _ ledger: inout SourceLedger
    ) throws(ImageError) -> [Sample] {
        let isLabelled = groups.contains { $0.groups.contains { $0.label != nil } }
        var samples: [Sample] = []
        for (index, (shard, found)) in zip(shards, groups).enumerated() {
            if let duplicate = found.duplicate { throw duplicate }
            ledger.add(found.ledger)
            for group in found.groups {
                func fault(_ message: String) -> ImageError {
                    ImageError(
                        .label, path: shard.path.description, member: group.key.description, message)
                }
                var label: Int32 = -1
                switch group.label.map({ shard.members[$0].label }) {
                case .success(let number?): label = number
                case .failure(let error): throw fault(error.message)
                case .success(nil), nil: break
                }
                if let classes, label >= classes {
                    throw fault("the label \(label) is out of range; there are \(classes) classes")
                }
                if !group.key.isUTF8 { ledger.add(.nameNotUTF8, group.key.description) }
                let picture = shard.members[group.picture]
                if isLabelled && label < 0 && picture.isLink {
                    // A second name of a picture, without a label where others have one, is no sample of its own.
                    ledger.add(.linkMember, picture.name.description)
                    continue
                }
                samples.append(
                    Sample(shard: index, key: group.key, offset: picture.offset, size: picture.size, label: label))
            }
        }
        if isLabelled {
            for sample in samples where sample.label < 0 { ledger.add(.pictureWithoutLabel, sample.key.description) }
        }
        return samples
    }
}

extension ShardSource {
    /// The number of samples.
    public var count: Int { samples.count }

    /// The digest of all.
    public var fingerprint: String { contentDigest(excluding: []) }

    /// A digest of the keys, labels, sizes and bytes of the samples.
    public func contentDigest(excluding unreadable: Set<Int>) -> String {
        ContentDigest.hexadecimal(
            pictures: samples.indices.filter { !unreadable.contains($0) }, size: { samples[$0].size }
        ) { index in
            let sample = samples[index]
            let shard = shards[sample.shard]
            let part = sample.offset..<(sample.offset + sample.size)
            guard let memory = shard.memory else {
                return ContentDigest.Picture(
                    name: sample.key.bytes, label: label(index), file: shard.path, part: part)
            }
            return ContentDigest.Picture(name: sample.key.bytes, label: label(index), in: memory, part: part)
        }
    }

    /// Reads and decodes a picture from its shard.
    public func image(_ index: Int) throws(ImageError) -> DecodedImage { try decoded(index, nil) }

    /// Reads and decodes a picture, a JPEG perhaps at a fraction of its size.
    public func image(_ index: Int, draw: PictureDraw) throws(ImageError) -> DecodedImage {
        try decoded(index, draw.reduction)
    }

    private func decoded(_ index: Int, _ reduction: ImageDecoder.Reduction?) throws(ImageError) -> DecodedImage {
        let sample = samples[index]
        let shard = shards[sample.shard]
        let path = shard.path.description
        let key = sample.key.description
        if let memory = shard.memory {
            return try decoder.decode(
                memory[sample.offset..<(sample.offset + sample.size)], path: path, member: key, reduction: reduction
            ).image
        }
        let file = try OpenFile(shard.path)
        guard file.size == shard.size else {
            throw ImageError(
                .io, path: path, "the shard has \(file.size) bytes and had \(shard.size) when it was opened")
        }
        guard sample.size <= decoder.mostFileBytes else {
            throw ImageError(
                .tooLarge, path: path, member: key, "\(sample.size) bytes; at most \(decoder.mostFileBytes) are read")
        }
        var bytes = [UInt8](repeating: 0, count: sample.size)
        guard try file.read(into: &bytes, at: sample.offset) == sample.size else {
            throw ImageError(.truncated, path: path, member: key, "the shard ends inside this member")
        }
        return try decoder.decode(bytes, path: path, member: key, reduction: reduction).image
    }

    /// The label of a sample; nil where it has none.
    public func label(_ index: Int) -> Int? { samples[index].label < 0 ? nil : Int(samples[index].label) }

    /// The key of a sample: its members' common path, escaped where it cannot be shown.
    public func key(_ index: Int) -> String { samples[index].key.description }
}
