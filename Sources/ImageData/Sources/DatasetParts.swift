/// Which folders and shards are the parts of a set: decided here, for all kinds alike.
///
/// The test part is the first of `test`, `val`, `validation` and `valid` that can be one; the names are exact, in small
/// letters. The training part is `train`.
enum DatasetParts {
    /// The name of the training part.
    static let train = "train"
    /// The names of a test part, best first.
    static let tests = ["test", "val", "validation", "valid"]

    // MARK: Folders

    /// How the class folders below a folder are divided.
    struct Folders {
        /// The folder whose folders are the classes of the training part.
        var train: String
        /// The folder of the test part; nil where there is none.
        var test: String?
        /// Sentences for the log.
        var notes: [String] = []
        /// Why these folders cannot be taken as they are.
        var fault: String?
        /// Why there is no test part.
        var missing = "it would be the folder `test`, `val`, `validation` or `valid` beside `train`, with class folders"
    }

    /// The parts below a folder.
    ///
    /// A folder `train` is the training part unless it is a class of that name: pictures lie in it directly, or its
    /// folders have nothing in common with those of a test part, while other folders with pictures lie beside it.
    static func folders(of root: String) -> Folders {
        let entries = FolderWalk.look(FileName(root)).filter(\.isFolder).map(\.name)
        guard entries.contains(FileName(train)) else {
            var parts = Folders(train: root)
            parts.fault = fault(of: entries)
            return parts
        }
        let others = entries.filter { !($0.description == train || tests.contains($0.description)) }
        let own = FolderWalk.look(FileName("\(root)/\(train)"))
        let ownFolders = Set(own.filter(\.isFolder).map(\.name))
        func hasPictures(_ entries: [FolderWalk.Entry]) -> Bool {
            entries.contains { !$0.isFolder && FolderWalk.readable.contains($0.name.suffix) }
        }
        func sharesClasses(_ name: String) -> Bool {
            FolderWalk.look(FileName("\(root)/\(name)")).contains { $0.isFolder && ownFolders.contains($0.name) }
        }
        let rivals = others.filter { hasPictures(FolderWalk.look($0.inside(FileName(root)))) }
        if !rivals.isEmpty, hasPictures(own) || !tests.contains(where: sharesClasses) {
            let beside = rivals.prefix(3).map { "`\($0)`" }.joined(separator: ", ")
            var parts = Folders(train: root)
            parts.notes = ["`train` is taken as a class, because \(beside) beside it are folders of pictures too"]
            parts.missing =
                "`train` is a class here, beside \(beside); put the classes of each part into a folder of its own"
            return parts
        }
        var parts = Folders(train: "\(root)/\(train)")
        var notes: [String] = []
        let found = tests.filter { entries.contains(FileName($0)) }
        for name in found {
            if parts.test != nil {
                notes.append(
                    "the folder `\(name)` is not used: the test part is `\(FileName(parts.test ?? "").baseText)`")
            } else if FolderWalk.look(FileName("\(root)/\(name)")).contains(where: \.isFolder) {
                parts.test = "\(root)/\(name)"
                notes.append("test part: the folder `\(name)`")
            } else {
                notes.append("the folder `\(name)` has no class folders, so it is not the test part")
            }
        }
        if parts.test == nil, !found.isEmpty {
            parts.missing = "\(found.map { "`\($0)`" }.joined(separator: " and ")) beside `train` has no class folders"
        }
        if !others.isEmpty {
            let list = others.prefix(3).map { "`\($0)`" }.joined(separator: ", ") + (others.count > 3 ? ", …" : "")
            notes.append(
                "the \(others.count == 1 ? "folder \(list) beside `train` belongs" : "folders \(list) beside `train` belong") to "
                    + "no part")
        }
        let strays = FolderWalk.look(FileName(root)).filter {
            !$0.isFolder && FolderWalk.readable.contains($0.name.suffix)
        }
        if let first = strays.first {
            notes.append(
                strays.count == 1
                    ? "the picture `\(first.name)` beside `train` belongs to no part"
                    : "\(strays.count) pictures beside `train` belong to no part, such as `\(first.name)`")
        }
        parts.notes = notes
        return parts
    }

    /// The name of the folder of test pictures beside `train`, of pictures that need no class folders; nil unless both are there.
    static func testOfPictures(in root: String) -> String? {
        let folders = FolderWalk.look(FileName(root)).filter(\.isFolder).map(\.name)
        guard folders.contains(FileName(train)) else { return nil }
        return tests.first { folders.contains(FileName($0)) }
    }

    /// Folders that are called as parts but for the size of their letters would become classes, the test pictures among those
    /// that are trained on.
    private static func fault(of entries: [FileName]) -> String? {
        func called(_ words: [String]) -> FileName? {
            entries.first { words.contains($0.description.lowercased()) }
        }
        guard let training = called([train]), let test = called(tests) else { return nil }
        return
            "the folders `\(training)` and `\(test)` look like the parts of a set, whose names are `train` and `test`, in small "
            + "letters; rename them, or name the folder of one part"
    }

    // MARK: Shards

    /// How the shards of a folder are divided.
    struct Shards {
        /// The shards of the training part.
        var train: [FileName]
        /// The shards of the test part.
        var test: [FileName] = []
        /// What was decided.
        var ledger = SourceLedger()
    }

    /// The parts of shards by their names: a word of the name, or its beginning, says the part. Without a word `train`
    /// anywhere all shards are the training part.
    static func shards(_ files: [FileName]) -> Shards {
        var named: [String: [FileName]] = [:]
        var rest: [FileName] = []
        for file in files {
            if let part = part(of: file) { named[part, default: []].append(file) } else { rest.append(file) }
        }
        guard let training = named[train] else { return Shards(train: files) }
        var parts = Shards(train: training)
        for name in tests {
            guard let found = named[name] else { continue }
            if parts.test.isEmpty {
                parts.test = found
                parts.ledger.note(
                    "test part: the \(found.count == 1 ? "shard" : "\(found.count) shards") named `\(name)`")
            } else {
                rest += found
            }
        }
        for file in rest { parts.ledger.add(.otherShard, file.baseText) }
        return parts
    }

    /// The part that a shard's name tells: a word between signs and digits, such as in `imagenet-validation-0001.tar`,
    /// else how the name begins, as in `trainset.tar`.
    static func part(of file: FileName) -> String? {
        let words = file.base.split { !(0x41...0x5A).contains($0 & 0xDF) }.map { FileName.lowercased($0) }
        let known = [train] + tests
        if let word = words.first(where: known.contains) { return word }
        return [train, "test", "val"].first { file.base.starts(with: $0.utf8) }
    }
}

extension FileName {
    /// The base name for people.
    var baseText: String { FileName(base).description }
}
