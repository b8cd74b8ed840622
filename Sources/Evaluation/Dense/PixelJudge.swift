import Autodiff
import ImageData
import ImageMasking

/// Counts how predicted classes of pixels lie over those of label maps, batch by batch: nothing of a picture is kept but counts.
struct PixelJudge {
    private let subject: ProbeSubject
    private let patches: PatchFeatures
    private let classes: MapClasses
    private let name: String

    /// `name` says what is done, for progress.
    init(_ subject: ProbeSubject, _ patches: PatchFeatures, _ classes: MapClasses, name: String) {
        self.subject = subject
        self.patches = patches
        self.classes = classes
        self.name = name
    }

    /// Pictures at once, so that pictures, features and scores (numbers a patch) take some 100 MB each at most.
    static func batch(_ patches: PatchFeatures, scores: Int) -> Int {
        let (channels, height, width) = patches.transform.shape
        let most = max(channels * height * width, patches.grid.count * max(patches.dimension, 2 * scores))
        return max(1, min(64, (1 << 25) / max(most, 1)))
    }

    static func notFinite(_ key: String) -> EvaluationError {
        EvaluationError(
            "the patch features of `\(key)` are not finite; the encoder diverged or its file is damaged")
    }

    /// Counts of a picture by a setting.
    private struct Counts {
        /// Those of the classes that occur, their truth or what was said.
        var ofClasses: [RegionOverlap.Count]
        /// Pixels of numbers that are no class.
        var strange: [UInt16: Int]
    }

    /// How well the regions of the pictures of a source are found, by each setting. Classes that only these maps have come behind the
    /// others.
    func overlaps(
        of source: any ImageSource, settings: Int, by judge: SegmentationContest.Judge, skipped: inout [SkippedPicture]
    ) throws -> [RegionOverlap] {
        let loader = EvaluationLoader(
            source: source, transform: patches.transform,
            batchSize: Self.batch(patches, scores: classes.count * settings), threads: 2, requiresLabels: false,
            policy: subject.policy)
        var keys: [String] = []
        var counted: [[Counts]] = []
        var strange: Set<UInt16> = []
        var done = 0
        while let batch = try loader.next() {
            skipped += batch.skipped
            let values = patches.features(of: batch)
            if let place = values.firstIndex(where: { !$0.isFinite }) {
                throw Self.notFinite(source.key(batch.samples[place / (patches.grid.count * patches.dimension)]))
            }
            let scores = batch.samples.isEmpty ? [] : judge(values)
            for (row, made) in count(batch, scores, source).enumerated() {
                let sample = batch.samples[row]
                switch made {
                case .success(let counts):
                    keys.append(source.key(sample))
                    counted.append(counts)
                    strange.formUnion(counts[0].strange.keys)
                case .failure(let fault):
                    guard subject.policy == .skip else { throw fault }
                    skipped.append(SkippedPicture(sample: sample, key: source.key(sample), error: fault))
                }
            }
            guard strange.count <= MapClasses.most else {
                throw EvaluationError(
                    "the label maps have \(strange.count) numbers that no training map has; at most \(MapClasses.most) are classes"
                )
            }
            done += batch.samples.count + batch.skipped.count
            subject.onProgress(name, done, source.count)
        }
        guard !keys.isEmpty else {
            let first = skipped.first.map { "; the first, `\($0.key)`: \($0.error)" } ?? ""
            throw EvaluationError("none of the \(source.count) label maps can be used\(first)")
        }
        let others = strange.sorted()
        return (0..<settings).map { setting in
            RegionOverlap(
                names: (classes.numbers + others).map { classes.name(of: $0) }, keys: keys,
                counts: counted.map { picture in
                    let counts = picture[setting]
                    let unknown = others.enumerated().compactMap { place, number in
                        counts.strange[number].map {
                            RegionOverlap.Count(label: classes.count + place, hits: 0, truth: $0, predicted: 0)
                        }
                    }
                    return counts.ofClasses + unknown
                })
        }
    }

    /// The counts of the pictures of a batch, by setting.
    private func count(
        _ batch: EvaluationBatch, _ scores: [[Double]], _ source: any ImageSource
    ) -> [Result<[Counts], ImageError>] {
        var made = [Result<[Counts], ImageError>?](repeating: nil, count: batch.samples.count)
        let (height, width) = (patches.transform.shape.height, patches.transform.shape.width)
        made.withUnsafeMutableBufferPointer { made in
            let places = made
            subject.engine.forEach(batch.samples.count) { row in
                places[row] = Result { () throws(ImageError) in
                    let sample = batch.samples[row]
                    let stored = try source.labelMap(sample)
                    let size = ImageSize(height: stored.height, width: stored.width)
                    if let fault = LabelMap.sizeFault(map: size, picture: batch.sizes[row], key: source.key(sample)) {
                        throw fault
                    }
                    let map = patches.transform.shown(stored).numbered(isFigure: classes.isFigure)
                    let length = patches.grid.count * classes.count
                    return scores.map { scores in
                        let best = ScoreMap.best(
                            scores[(row * length)..<((row + 1) * length)], classes: classes.count, grid: patches.grid,
                            height: height, width: width)
                        return counts(best, map)
                    }
                }
            }
        }
        return made.compactMap { $0 }
    }

    private func counts(_ best: [Int32], _ map: LabelMap) -> Counts {
        var all = (0..<classes.count).map { RegionOverlap.Count(label: $0, hits: 0, truth: 0, predicted: 0) }
        var strange: [UInt16: Int] = [:]
        // Neighbours mostly are of the same number.
        var known: (number: UInt16, place: Int?) = (LabelMap.ignored, nil)
        for (guess, number) in zip(best, map.classes) where number != LabelMap.ignored {
            if number != known.number { known = (number, classes.place(of: number)) }
            all[Int(guess)].predicted += 1
            guard let place = known.place else {
                strange[number, default: 0] += 1
                continue
            }
            all[place].truth += 1
            if place == Int(guess) { all[place].hits += 1 }
        }
        return Counts(ofClasses: all.filter { $0.truth > 0 || $0.predicted > 0 }, strange: strange)
    }
}
