import RandomStreams
public import RecipeSchema

/// The `split` of a source without a test part: which pictures become one.
public struct SplitOptions: RecipeSection, Equatable {
    /// The share of each class that becomes the test part.
    public var test = 0.2
    /// Another seed chooses other pictures.
    public var seed = 0
    /// What stays on one side: pictures of a folder, or those with the same text in a column of the labels; nil for each picture by itself.
    public var group: String?
    /// A fifth, each picture by itself.
    public init() {}

    /// The rows of the section.
    public static let fields: [Field<Self>] = [
        Field("test", \.test, in: .between(0, 1), "Share of each class that becomes the test part."),
        Field("seed", \.seed, in: .closed(0...1 << 53 - 1), "Another seed chooses other pictures."),
        Field(
            "group", \.group,
            "What is never divided: folder (the pictures of a folder), or a column of the labels; null: each picture by itself."
        ),
    ]

    /// The word for the folder that a picture lies in.
    static let folder = "folder"
    /// The column of the labels that groups pictures; nil without one.
    var column: String? { group == Self.folder ? nil : group }
}

/// A source kind without parts of its own that may be divided.
public protocol DividedOptions: PathOptions {
    /// How pictures are divided; nil leaves all in the training part.
    var split: SplitOptions? { get set }
}

/// A source kind whose pictures may have label maps in another folder.
public protocol MappedOptions: PathOptions {
    /// The folder of the maps; nil without.
    var maps: String? { get set }
}

/// Which pictures are the test part.
///
/// Each class gives `test` of its pictures, rounded, but never all: one stays in the training part. Whole groups are taken in the
/// order of numbers that are drawn from the seed and the group's own name, each if it brings the classes nearer to their shares. So
/// the split depends neither on the order of the files nor on those of other groups, but where shares are filled.
struct Split {
    /// True for pictures of the test part.
    private(set) var isTest: [Bool]
    /// Groups in the training and the test part.
    private(set) var groups = (train: 0, test: 0)

    /// Divides pictures by their labels from 0 on; `keys` say what belongs together, one a picture.
    init(labels: [Int32], keys: [FileName], by options: SplitOptions) {
        precondition(labels.count == keys.count, "\(labels.count) labels and \(keys.count) keys")
        isTest = [Bool](repeating: false, count: labels.count)
        let random = RandomStream(seed: UInt64(bitPattern: Int64(options.seed))).child("split")
        let draws = keys.map { key in
            var stream = random.child(key.description)
            return stream.next()
        }
        let order = labels.indices.sorted { a, b in
            draws[a] == draws[b] ? keys[a] < keys[b] : draws[a] < draws[b]
        }
        var left = [Int](repeating: 0, count: 1 + Int(labels.max() ?? 0))
        for label in labels { left[Int(label)] += 1 }
        // What each class still wants in the test part; negative where it has too much.
        var wanted = left.map { min(Int((options.test * Double($0)).rounded()), $0 - 1) }
        var start = 0
        while start < order.count {
            var end = start + 1
            while end < order.count, keys[order[end]] == keys[order[start]] { end += 1 }
            let group = order[start..<end]
            start = end
            var counts: [Int: Int] = [:]
            for place in group { counts[Int(labels[place]), default: 0] += 1 }
            let change = counts.reduce(0) { $0 + abs(wanted[$1.key] - $1.value) - abs(wanted[$1.key]) }
            guard change < 0, counts.allSatisfy({ left[$0.key] > $0.value }) else {
                groups.train += 1
                continue
            }
            groups.test += 1
            for (label, count) in counts {
                wanted[label] -= count
                left[label] -= count
            }
            for place in group { isTest[place] = true }
        }
    }
}
