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
package struct PatchLabels: Sendable {
    /// The label of each patch, row by row: the number of most of its pixels, the smaller of equally many; `LabelMap.ignored` where all
    /// are ignored.
    package let labels: [UInt16]
    /// The numbers that pixels of patches have, each once; `LabelMap.ignored` is none.
    package let numbers: [UInt16]

    /// The labels of the patches of a map. What the patches do not cover does not count.
    package init(_ map: LabelMap, grid: PatchGrid) {
        let (height, width) = (map.height / grid.rows, map.width / grid.columns)
        var counts = [Int32](repeating: 0, count: 1 << 16)
        var isKnown = [Bool](repeating: false, count: 1 << 16)
        var labels: [UInt16] = []
        var numbers: [UInt16] = []
        var touched: [UInt16] = []
        for patch in 0..<grid.count {
            let (top, left) = (patch / grid.columns * height, patch % grid.columns * width)
            touched.removeAll(keepingCapacity: true)
            for row in top..<(top + height) {
                for number in map.classes[(row * map.width + left)..<(row * map.width + left + width)]
                where number != LabelMap.ignored {
                    if counts[Int(number)] == 0 { touched.append(number) }
                    counts[Int(number)] += 1
                }
            }
            var best = LabelMap.ignored
            var most: Int32 = 0
            for number in touched {
                let count = counts[Int(number)]
                if count > most || (count == most && number < best) { (best, most) = (number, count) }
                counts[Int(number)] = 0
                if !isKnown[Int(number)] {
                    isKnown[Int(number)] = true
                    numbers.append(number)
                }
            }
            labels.append(best)
        }
        self.labels = labels
        self.numbers = numbers
    }
}
