import Autodiff
import ImageData
import ImageMasking
import RandomStreams

/// The label maps of the training part, read once: a label for each patch.
struct MappedPictures {
    /// The numbers of the pictures whose maps can be read, rising.
    private(set) var samples: [Int] = []
    /// What numbers of the maps are which classes.
    let classes: MapClasses
    /// Pictures that are left out.
    private(set) var skipped: [SkippedPicture] = []
    /// Patches that have a label.
    private(set) var labelled = 0
    private var left: Set<Int> = []
    /// The number of each patch [pictures, patches]; `LabelMap.ignored` without a label.
    private var numbers: [UInt16] = []
    private var sizes: [ImageSize] = []
    private let patches: Int

    init(_ subject: ProbeSubject, _ features: PatchFeatures, isFigure: Bool, name: String) throws {
        let source = subject.train
        patches = features.grid.count
        var found: Set<UInt16> = []
        for start in stride(from: 0, to: source.count, by: 256) {
            let block = start..<min(start + 256, source.count)
            for (sample, made) in zip(block, Self.read(block, of: source, features, isFigure, on: subject.engine)) {
                switch made {
                case .success(let map):
                    samples.append(sample)
                    sizes.append(map.size)
                    numbers += map.labels
                    labelled += map.labels.count { $0 != LabelMap.ignored }
                    found.formUnion(map.found)
                case .failure(let fault):
                    guard subject.policy == .skip else { throw fault }
                    skipped.append(SkippedPicture(sample: sample, key: source.key(sample), error: fault))
                    left.insert(sample)
                }
            }
            guard found.count <= MapClasses.most else {
                throw EvaluationError(
                    "the label maps of the first \(block.upperBound) training pictures have \(found.count) different numbers; at most "
                        + "\(MapClasses.most) are classes. Numbers of instances, or values of an image, are none")
            }
            subject.onProgress("\(name): label maps", block.upperBound, source.count)
        }
        classes = MapClasses(found, names: source.mapClassNames, isFigure: isFigure)
        guard !samples.isEmpty else {
            throw EvaluationError("no label map of the training part can be used\(firstFault)")
        }
        guard found.count > 1 else {
            let all =
                found.first.map { "all pixels of the training maps are of class \($0)" }
                ?? "no training map has a class"
            throw EvaluationError(
                "\(all) or 255, which means none; maps need at least two classes, such as 0 and 1: a mask of 0 and 255 "
                    + "becomes one when 255 is written as 1")
        }
    }

    private struct ReadMap {
        var labels: [UInt16]
        var found: [UInt16]
        var size: ImageSize
    }

    private static func read(
        _ block: Range<Int>, of source: any ImageSource, _ features: PatchFeatures, _ isFigure: Bool, on engine: Engine
    ) -> [Result<ReadMap, ImageError>] {
        var made = [Result<ReadMap, ImageError>?](repeating: nil, count: block.count)
        made.withUnsafeMutableBufferPointer { made in
            let places = made
            engine.forEach(block.count) { place in
                places[place] = Result { () throws(ImageError) in
                    let stored = try source.labelMap(block.lowerBound + place)
                    let map = features.transform.shown(stored).numbered(isFigure: isFigure)
                    let patches = PatchLabels(map, grid: features.grid)
                    return ReadMap(
                        labels: patches.labels, found: patches.numbers,
                        size: ImageSize(height: stored.height, width: stored.width))
                }
            }
        }
        return made.compactMap { $0 }
    }

    /// True for a picture that is left out.
    func isSkipped(_ sample: Int) -> Bool { left.contains(sample) }

    /// Leaves a picture out.
    mutating func skip(_ sample: Int, key: String, _ fault: ImageError) {
        guard left.insert(sample).inserted else { return }
        skipped.append(SkippedPicture(sample: sample, key: key, error: fault))
    }

    /// What was wrong first, for the end of a sentence.
    var firstFault: String { skipped.first.map { "; the first, `\($0.key)`: \($0.error)" } ?? "" }

    /// Why the map of a picture, by its place among those read, is none of it.
    func sizeFault(_ number: Int, _ size: ImageSize, key: String) -> ImageError? {
        LabelMap.sizeFault(map: sizes[number], picture: size, key: key)
    }

    /// The class of a patch of a picture, by its place among those read, that has a label.
    func classOf(picture: Int, patch: Int) -> Int { classes.place(of: numbers[picture * patches + patch]) ?? 0 }

    /// For each picture the patches that are taken, rising: all that have a label, or so many, drawn with equal chances (Knuth's
    /// algorithm S, which needs no list of all).
    func draw(_ most: Int, _ random: RandomStream) -> [[Int]] {
        var stream = random
        var (wanted, left) = (min(most, labelled), labelled)
        var chosen = [[Int]](repeating: [], count: samples.count)
        for picture in samples.indices {
            for patch in 0..<patches where numbers[picture * patches + patch] != LabelMap.ignored {
                if wanted == left || stream.integer(below: left) < wanted {
                    chosen[picture].append(patch)
                    wanted -= 1
                }
                left -= 1
            }
        }
        return chosen
    }
}

extension LabelMap {
    /// The map with the numbers that pixels count as.
    func numbered(isFigure: Bool) -> LabelMap {
        guard isFigure else { return self }
        return LabelMap(
            height: height, width: width, classes: classes.map { MapClasses.number($0, isFigure: true) })
    }

    /// Why a map is none of a picture: it has another size.
    static func sizeFault(map: ImageSize, picture: ImageSize, key: String) -> ImageError? {
        guard map != picture else { return nil }
        return ImageError(
            .label, path: "", member: key,
            "the label map has \(map.height) x \(map.width) pixels and its picture \(picture.height) x \(picture.width); each pixel of "
                + "a picture needs one of the map")
    }
}
