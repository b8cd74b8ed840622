/// The members of one archive as WebDataset groups: a picture and its label.
///
/// Consecutive members with the same path up to the first dot of the base name belong together. Where that gives no
/// picture the last dot divides, so that `IMG.01.05.jpg` is a picture. Pictures and labels that do not stand side by side
/// are then joined by their keys, in their order.
struct ShardGroups {
    /// A picture and its label, by their places among the members.
    struct Group {
        var key: FileName
        var picture: Int
        var label: Int?
    }

    /// The pictures in the order of the archive.
    private(set) var groups: [Group] = []
    /// The first member that stands twice in a group, or says another label than a second one.
    private(set) var duplicate: ImageError?
    /// Members that belong to no picture.
    private(set) var ledger = SourceLedger()
    private var lonelyLabels: [(key: FileName, place: Int)] = []
    private let shard: ShardIndex

    init(_ shard: ShardIndex) {
        self.shard = shard
        gather(Array(shard.members.indices), byLastDot: false)
        joinLonely()
    }

    /// The part of a name before its first or last dot, and the part behind it; nil without a dot.
    private static func split(_ name: FileName, byLastDot: Bool) -> (key: FileName, suffix: String)? {
        let base = name.base
        guard let dot = byLastDot ? base.lastIndex(of: FileName.dot) : base.firstIndex(of: FileName.dot),
            dot > base.startIndex
        else { return nil }
        return (FileName(name.bytes[..<dot]), FileName.lowercased(base[(dot + 1)...]))
    }

    private mutating func gather(_ places: [Int], byLastDot: Bool) {
        var key: FileName?
        var piece: [(suffix: String, place: Int)] = []
        for place in places {
            let name = shard.members[place].name
            guard !Self.isMetadata(name), let part = Self.split(name, byLastDot: byLastDot) else {
                ledger.add(.otherSuffix, name.description)
                continue
            }
            if part.key != key {
                if let key { finish(key, piece, byLastDot) }
                key = part.key
                piece = []
            }
            piece.append((part.suffix, place))
        }
        if let key { finish(key, piece, byLastDot) }
    }

    private mutating func finish(_ key: FileName, _ piece: [(suffix: String, place: Int)], _ byLastDot: Bool) {
        func first(_ suffixes: [String]) -> Int? {
            suffixes.lazy.compactMap { suffix in piece.first { $0.suffix == suffix }?.place }.first
        }
        let picture = first(ShardIndex.pictureSuffixes)
        if picture == nil && !byLastDot { return gather(piece.map(\.place), byLastDot: true) }
        noteDuplicate(key, piece)
        let label = first(ShardIndex.labelSuffixes)
        noteConflict(key, piece)
        if let picture {
            groups.append(Group(key: key, picture: picture, label: label))
        } else if let label {
            lonelyLabels.append((key, label))
        }
        for (suffix, place) in piece where place != picture && place != label {
            let isKnown = ShardIndex.labelSuffixes.contains(suffix) && label != nil
            if !isKnown { count(shard.members[place].name) }
        }
    }

    private mutating func count(_ name: FileName) {
        if ShardIndex.kind(of: name) != .other {
            ledger.add(.memberWithoutPicture, name.description)
        } else {
            ledger.add(FolderWalk.unreadable.contains(name.suffix) ? .otherFormat : .otherSuffix, name.description)
        }
    }

    private mutating func noteDuplicate(_ key: FileName, _ piece: [(suffix: String, place: Int)]) {
        guard duplicate == nil, piece.count > 1 else { return }
        var seen = Set<String>()
        for (suffix, _) in piece where !seen.insert(suffix).inserted {
            duplicate = ImageError(
                .duplicate, path: shard.path.description, member: key.description,
                "`.\(suffix)` stands twice in this sample; every sample needs a name of its own")
            return
        }
    }

    /// Two members that say different labels.
    private mutating func noteConflict(_ key: FileName, _ piece: [(suffix: String, place: Int)]) {
        let said = piece.compactMap { suffix, place -> (suffix: String, label: Int32)? in
            guard ShardIndex.labelSuffixes.contains(suffix), case .success(let label?) = shard.members[place].label
            else { return nil }
            return (suffix, label)
        }
        guard duplicate == nil, let first = said.first, let other = said.first(where: { $0.label != first.label })
        else { return }
        duplicate = ImageError(
            .label, path: shard.path.description, member: key.description,
            "`.\(first.suffix)` says \(first.label) and `.\(other.suffix)` says \(other.label); leave one of them, or make them equal"
        )
    }

    /// Gives labels that stand alone to the pictures of the same key that have none.
    private mutating func joinLonely() {
        guard !lonelyLabels.isEmpty else { return }
        var waiting: [FileName: [Int]] = [:]
        for (key, place) in lonelyLabels.reversed() { waiting[key, default: []].append(place) }
        for i in groups.indices where groups[i].label == nil {
            groups[i].label = waiting[groups[i].key]?.popLast()
        }
        for place in waiting.values.joined().sorted() {
            ledger.add(.labelWithoutPicture, shard.members[place].name.description)
        }
    }

    /// True for members that describe the archive, such as `__index__.json`.
    private static func isMetadata(_ name: FileName) -> Bool {
        let marks = [UInt8](repeating: UInt8(ascii: "_"), count: 2)
        return name.components.contains { part in
            let stem = part.prefix { $0 != FileName.dot }
            return stem.count > 4 && stem.starts(with: marks) && stem.suffix(2).elementsEqual(marks)
        }
    }
}
