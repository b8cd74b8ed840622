package import ImageData
package import ImageMasking

/// Which numbers of label maps are which classes: the numbers that training maps have, rising.
struct MapClasses: Sendable, Equatable {
    /// Most classes: maps with more are of instances, not of classes.
    static let most = 1024

    /// The numbers in maps, by class.
    let numbers: [UInt16]
    /// True where all but 0 are one class.
    let isFigure: Bool
    /// The names of all numbers, where the source has them.
    private let names: [String]?
    private let places: [UInt16: Int]

    init(_ found: Set<UInt16>, names: [String]?, isFigure: Bool) {
        numbers = found.sorted()
        self.names = names
        self.isFigure = isFigure
        places = Dictionary(uniqueKeysWithValues: numbers.enumerated().map { ($0.element, $0.offset) })
    }

    var count: Int { numbers.count }

    /// The number that a pixel counts as: all but 0 as 1 where figure and ground are told apart.
    static func number(_ stored: UInt16, isFigure: Bool) -> UInt16 {
        isFigure && stored != LabelMap.ignored ? min(stored, 1) : stored
    }

    /// The class of a number; nil for one that no training map has.
    func place(of number: UInt16) -> Int? { places[number] }

    /// What a number is called.
    func name(of number: UInt16) -> String {
        if isFigure { return number == 0 ? "ground" : "figure" }
        guard let names, names.indices.contains(Int(number)) else { return "\(number)" }
        return names[Int(number)]
    }
}

/// The number that most pixels of each patch have.
package enum PatchLabels {
    /// The label of each patch of a map, row by row: the number of most of its pixels, the smaller of equally many; nil where all are
    /// ignored. What the patches do not cover, does not count.
    package static func majority(_ map: LabelMap, grid: PatchGrid) -> [UInt16?] {
        let (height, width) = (map.height / grid.rows, map.width / grid.columns)
        return (0..<grid.count).map { patch in
            let (top, left) = (patch / grid.columns * height, patch % grid.columns * width)
            var counts: [UInt16: Int] = [:]
            for row in top..<(top + height) {
                for column in left..<(left + width) { counts[map.classes[row * map.width + column], default: 0] += 1 }
            }
            counts[LabelMap.ignored] = nil
            return counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
        }
    }
}
