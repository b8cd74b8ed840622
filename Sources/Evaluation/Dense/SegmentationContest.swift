import Autodiff
import ImageData
import ImageMasking
import RandomStreams
import RecipeSchema

/// What protocols of label maps share: a classifier of patches is fitted on labelled patches of training pictures, and its scores,
/// interpolated to pixels, are judged by mean IoU.
///
/// The label of a patch is that of most of its pixels. Settings are chosen on a tenth of the training pictures, all patches of a
/// picture on one side; then all drawn patches are fitted, and the test pictures are scored once. Pictures are judged as the encoder
/// sees them: resized and cut.
struct SegmentationContest {
    /// The protocol.
    let name: String
    /// Most patches that are fitted on; of more a draw.
    let mostPatches: Int
    /// Tells figure from ground: all classes but 0 are one.
    let isFigure: Bool

    /// Scores of patches [n, D] by each setting, [n, classes] each.
    typealias Judge = (_ patches: [Float]) -> [[Double]]

    /// The row of the number of patches.
    static func patchesField<Options: RecipeSection>(
        _ path: any WritableKeyPath<Options, Int> & Sendable
    ) -> Field<Options> {
        Field(
            "patches", path, in: .closed(1...1 << 24), "Most patches that are fitted on; of more this many are drawn.")
    }

    /// The row of figure against ground.
    static func figureField<Options: RecipeSection>(
        _ path: any WritableKeyPath<Options, Bool> & Sendable
    ) -> Field<Options> {
        Field("figure", path, "Take all classes of the maps but 0 for one: figure against ground.")
    }

    /// The score of the best of some settings.
    ///
    /// - Parameters:
    ///   - key: what a setting is called in the row.
    ///   - settings: those to choose among, in order of preference, given the number of patches that are fitted on to choose.
    ///   - fit: fits a classifier for each of some settings on patches with labels from 0 ..< classes.
    func score<Setting>(
        _ subject: ProbeSubject, random: RandomStream, key: String, settings: (_ patches: Int) -> [Setting],
        value: (Setting) -> JSONValue, details: [(String, JSONValue)] = [],
        fit: (_ table: FeatureTable, _ classes: Int, _ settings: [Setting]) throws -> Judge
    ) throws -> ProbeScore {
        guard let patches = subject.patches, subject.train.hasLabelMaps, subject.test.hasLabelMaps else {
            throw EvaluationError("\(name) needs a label map of each picture, in the training and in the test part")
        }
        var maps = try MappedPictures(subject, patches, isFigure: isFigure, name: name)
        let rows = try drawnPatches(subject, patches, &maps, random)
        let classes = maps.classes.count
        let pictures = maps.samples.filter { !maps.isSkipped($0) }
        let tenth = HeldOutTenth(labels: pictures.map { subject.train.label($0) ?? 0 }, random: random)
        let heldOut = Set(tenth.validation.map { pictures[$0] })
        let fitted = rows.pictures.indices.filter { !heldOut.contains(rows.pictures[$0]) }
        let candidates = settings(heldOut.isEmpty ? rows.pictures.count : fitted.count)
        var best = 0
        var validation: [Double] = []
        if candidates.count > 1 {
            guard !heldOut.isEmpty, !fitted.isEmpty else {
                throw EvaluationError(
                    "\(name) chooses among \(candidates.count) values of \(key) on a tenth of the training pictures, of which there is "
                        + "one; give more, or one value with --set \(name).\(key)")
            }
            let judge = try fit(rows.table.rows(fitted), classes, candidates)
            var skipped: [SkippedPicture] = []
            let part = PartOfSource(subject.train, heldOut.sorted())
            validation = try PixelJudge(subject, patches, maps.classes, name: "\(name): choosing \(key), pictures")
                .overlaps(of: part, settings: candidates.count, by: judge, skipped: &skipped).map(\.mean)
            for (place, mean) in validation.enumerated() where mean > validation[best] { best = place }
        }
        let judge = try fit(rows.table, classes, [candidates[best]])
        let pixels = PixelJudge(subject, patches, maps.classes, name: "\(name): test pictures")
        var skipped: [SkippedPicture] = []
        let found = try pixels.overlaps(of: subject.test, settings: 1, by: judge, skipped: &skipped)[0]
        guard found.pixels > 0 else {
            throw EvaluationError(
                "no pixel of the label maps of the test part has a class; all of them are 255, which means none")
        }
        let tried = zip(candidates, validation).map { JSONValue([value($0), JSONValue($1)]) }
        return ProbeScore(
            name: name, regions: found, random: random,
            chosen: .object(
                [(key, value(candidates[best]))] + details + [
                    ("selected_on", JSONValue(candidates.count > 1 ? "held-out tenth of the pictures" : "nothing")),
                    ("validation", JSONValue(tried)), ("patches", JSONValue(rows.pictures.count)),
                    ("patches_with_a_class", JSONValue(maps.labelled)), ("grid", JSONValue("\(patches.grid)")),
                    ("pixels", JSONValue(found.pixels)),
                    (
                        "notes",
                        JSONValue(
                            notes(maps, found, rows, subject, skipped).map { JSONValue($0) })
                    ),
                ]), train: pictures.count)
    }

    // MARK: Training patches

    /// Patches that are fitted on, and the picture of each.
    private struct DrawnPatches {
        var table: FeatureTable
        var pictures: [Int]
    }

    /// Features and labels of the patches that have a label, at most `mostPatches` of them, drawn with equal chances.
    private func drawnPatches(
        _ subject: ProbeSubject, _ patches: PatchFeatures, _ maps: inout MappedPictures, _ random: RandomStream
    ) throws -> DrawnPatches {
        let bytes = Double(min(mostPatches, maps.labelled)) * Double(patches.dimension) * 4
        guard bytes < Double(subject.engine.memoryLimit) / 2 else {
            throw EvaluationError(
                "\(min(mostPatches, maps.labelled)) patches of \(patches.dimension) numbers take \(Int(bytes / 0x1p20)) MiB, more than "
                    + "half of the memory; set \(name).patches lower")
        }
        let chosen = maps.draw(mostPatches, random.child("patches"))
        let wanted = maps.samples.indices.filter { !chosen[$0].isEmpty }
        let loader = EvaluationLoader(
            source: PartOfSource(subject.train, wanted.map { maps.samples[$0] }), transform: patches.transform,
            batchSize: PixelJudge.batch(patches, scores: 0), threads: 2, requiresLabels: false, policy: subject.policy)
        var features: [Float] = []
        var labels: [Int] = []
        var pictures: [Int] = []
        var done = 0
        let dimension = patches.dimension
        while let batch = try loader.next() {
            let values = patches.features(of: batch)
            for (row, place) in batch.samples.enumerated() {
                let number = wanted[place]
                let sample = maps.samples[number]
                if let fault = maps.sizeFault(number, batch.sizes[row], key: subject.train.key(sample)) {
                    guard subject.policy == .skip else { throw fault }
                    maps.skip(sample, key: subject.train.key(sample), fault)
                    continue
                }
                for patch in chosen[number] {
                    let start = (row * patches.grid.count + patch) * dimension
                    let own = values[start..<(start + dimension)]
                    guard own.allSatisfy(\.isFinite) else { throw PixelJudge.notFinite(subject.train.key(sample)) }
                    features += own
                    labels.append(maps.classOf(picture: number, patch: patch))
                    pictures.append(sample)
                }
            }
            for lost in batch.skipped {
                let sample = maps.samples[wanted[lost.sample]]
                maps.skip(sample, key: lost.key, lost.error)
            }
            done += batch.samples.count + batch.skipped.count
            subject.onProgress("\(name): training pictures", done, wanted.count)
        }
        guard !labels.isEmpty else {
            throw EvaluationError("none of the training pictures has a label map of its own size\(maps.firstFault)")
        }
        let table = FeatureTable(features: features, dimension: dimension, labels: labels)
        return DrawnPatches(table: table, pictures: pictures)
    }

    // MARK: What is told

    private func notes(
        _ maps: MappedPictures, _ found: RegionOverlap, _ rows: DrawnPatches, _ subject: ProbeSubject,
        _ skipped: [SkippedPicture]
    ) -> [String] {
        var notes: [String] = []
        func leftOut(_ lost: [SkippedPicture], _ part: String, of count: Int) {
            guard let first = lost.first else { return }
            notes.append(
                "\(lost.count) of \(count) \(part) pictures are left out, whose picture or label map cannot be used: `\(first.key)`: "
                    + "\(first.error)" + (lost.count > 1 ? ", …" : ""))
        }
        leftOut(maps.skipped, "training", of: subject.train.count)
        leftOut(skipped, "test", of: subject.test.count)
        let strange = found.names.dropFirst(maps.classes.count)
        if !strange.isEmpty {
            let pixels = found.pixelsOfClass.dropFirst(maps.classes.count).reduce(0, +)
            notes.append(
                "\(pixels) of \(found.pixels) test pixels are of classes that no training map has (\(strange.joined(separator: ", "))): they "
                    + "count as wrong")
        }
        let known = Set(rows.table.labels ?? [])
        let unseen = (0..<maps.classes.count).filter { !known.contains($0) }.map {
            maps.classes.name(of: maps.classes.numbers[$0])
        }
        if !unseen.isEmpty {
            notes.append(
                "no patch that was fitted on is mostly of \(unseen.joined(separator: ", ")), so no pixel can be called so; smaller "
                    + "regions need smaller patches, rare ones a larger \(name).patches")
        }
        return notes
    }
}
