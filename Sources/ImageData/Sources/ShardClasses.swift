/// How the pictures of a part's shards come by their classes.
enum ShardClasses {
    /// The first folder of every picture's path, below what is only the part's own folder; nil unless no picture has a label
    /// member and all lie in folders.
    static func folders(_ shards: [ShardIndex], _ groups: [ShardGroups]) -> (names: Set<FileName>, depth: Int)? {
        guard !groups.contains(where: { $0.groups.contains { $0.label != nil } }) else { return nil }
        let pictures = shards.lazy.flatMap(\.members).filter { $0.kind == .picture }
        guard let first = pictures.first else { return nil }
        var common = FileName(first.name.folder).components
        for picture in pictures {
            let folders = FileName(picture.name.folder).components
            if folders.isEmpty { return nil }
            let same = zip(common, folders).prefix { $0.elementsEqual($1) }.count
            common.removeLast(common.count - same)
        }
        // `train/cat/1.png` in all members: `train` is the part, and no class.
        let parts = ([DatasetParts.train] + DatasetParts.tests).map { Array($0.utf8) }
        var depth = common.firstIndex { name in parts.contains { name.elementsEqual($0) } }.map { $0 + 1 } ?? 0
        if pictures.contains(where: { folder(of: $0.name, depth) == nil }) { depth = 0 }
        return (Set(pictures.compactMap { folder(of: $0.name, depth) }), depth)
    }

    /// The folder of a path at a depth.
    static func folder(of name: FileName, _ depth: Int) -> FileName? {
        let folders = FileName(name.folder).components
        return depth < folders.count ? FileName(folders[depth]) : nil
    }

    /// A sentence where the class folders of an archive are called like parts of a set; nil where they are not.
    static func note(_ names: Set<FileName>) -> String? {
        let parts = Set(([DatasetParts.train] + DatasetParts.tests).map { FileName($0) })
        guard names.count > 1, names.isSubset(of: parts) else { return nil }
        let list = names.sorted().map { "`\($0)`" }.joined(separator: ", ")
        return "the classes of the shards are \(list), which look like parts: give every part shards of its own"
    }

    /// The lines of `classes.txt` in the folder of the first shard; nil without such a file.
    static func file(beside files: [FileName]) throws(ImageError) -> [String]? {
        guard let first = files.first else { return nil }
        let folder =
            first.folder.isEmpty && first.bytes.first != FileName.slash ? FileName(".") : FileName(first.folder)
        return try classNames(file: FileName("classes.txt").inside(folder))
    }

    /// A sentence about labels of a test part that the training part never shows; nil where all are there.
    static func unseen(_ labels: [Int32], training: Set<Int32>, names: [String]?) -> String? {
        let unseen = labels.filter { $0 >= 0 && !training.contains($0) }
        guard !unseen.isEmpty, !training.isEmpty else { return nil }
        let numbers = Set(unseen).sorted()
        let list =
            numbers.prefix(5).map { number in
                guard let names, names.indices.contains(Int(number)) else { return "\(number)" }
                return "\(number) `\(names[Int(number)])`"
            }.joined(separator: ", ") + (numbers.count > 5 ? ", …" : "")
        return
            "\(unseen.count) of \(labels.count) test pictures are of classes that the training part never shows: \(list)"
    }
}

/// The largest number that a label may have: memory and time of all that counts classes grow with it.
enum LabelLimit {
    /// Allowed however few pictures there are.
    static let always = 65_535

    /// An error for the first label that is beyond `always` and beyond the number of pictures; nil where none is.
    static func fault(_ labels: [Int32], in path: String, key: (Int) -> String) -> ImageError? {
        let most = max(always, labels.count - 1)
        guard let place = labels.firstIndex(where: { Int($0) > most }) else { return nil }
        return ImageError(
            .label, path: path, member: key(place),
            "the label \(labels[place]) is beyond \(most), the largest for \(labels.count) pictures; number the classes "
                + "from 0 without gaps")
    }
}
