package import Autodiff
package import ImageData
package import RandomStreams

/// Pictures judged against normal ones: scores, thresholds, and where it is known what is normal, how well the scores tell.
public struct AnomalyStudy: Sendable {
    /// What is asked for.
    public struct Options: Sendable {
        /// Blocks whose tokens are looked at, counted from 1; empty for the last.
        public var layers: [Int] = []
        /// The neighbour whose distance is a score.
        public var neighbour = 10
        /// Tokens in the memory of patches.
        public var memory = PatchMemory.usualCount
        /// Cells on the grid that a patch is averaged with, on each side.
        public var reach = 1
        /// The share of normal pictures that may raise an alarm.
        public var falseAlarms = 0.05
        /// The share of normal pictures that thresholds are set on; nil for a fifth, and for as many as the rate of false alarms needs
        /// where that is more, up to a half.
        public var heldOut: Double?

        /// What is usual.
        public init() {}
    }

    /// One detector's figures.
    public struct Result: Sendable {
        /// The detector.
        public var detector: AnomalyDetector
        /// Its threshold.
        public var threshold: AnomalyThreshold
        /// The scores of the test pictures.
        public var scores: [Double]
        /// How well they tell; nil where nobody knows what is normal.
        public var estimate: DetectionEstimate?

        /// Test pictures above the threshold; nil without one.
        public var alarms: Int? { threshold.value.map { value in scores.count { $0 > value } } }
    }

    /// What was asked for.
    public let options: Options
    /// Normal pictures that the models were fitted on.
    public let fitted: FeatureTable
    /// Normal pictures that the thresholds were set on.
    public let heldOut: FeatureTable
    /// Normal pictures left out of them because they are the same, number by number, as one that was fitted on.
    public let repeated: Int
    /// The test pictures.
    public let test: FeatureTable
    /// Test pictures that are the same, number by number, as one that was fitted on.
    public let known: Int
    /// Which test pictures are anomalous; nil where nobody knows.
    public let anomalous: [Bool]?
    /// Tokens in the memory of patches.
    public let memoryCount: Int
    /// The figures by detector, in the order of `AnomalyDetector`.
    public let results: [Result]
    /// Detectors without figures, because the normal features hardly vary.
    public let singular: [AnomalyDetector]
    /// The distances of the patches of each test picture to the memory, `[pictures, rows · columns]`.
    public let maps: [Float]
    /// The median distance of the patches of held-out normal pictures: what is usual.
    public let usualDistance: Double
    /// Rows and columns of patches.
    public let grid: (rows: Int, columns: Int)

    /// Fewest normal pictures.
    public static let fewest = 10

    /// Judges the pictures of `test` against those of `normal`.
    ///
    /// - Parameters:
    ///   - normalClass: The label of normal pictures of `test`; nil where nobody knows.
    ///   - onProgress: Hears how far it is.
    package init(
        _ frozen: ProbeSubject.FrozenEncoder, normal: any ImageSource, test: any ImageSource, normalClass: Int?,
        _ options: Options, policy: EvaluationLoader.Policy, random: RandomStream, on engine: Engine,
        onProgress: (_ what: String, _ done: Int, _ total: Int) -> Void = { _, _, _ in }
    ) throws {
        guard normal.count >= Self.fewest else {
            throw EvaluationError(
                "there are \(normal.count) normal pictures; at least \(Self.fewest) are needed: most to fit, the rest to set the threshold"
            )
        }
        let blocks = try BlockTokens(frozen, layers: options.layers, engine: engine)
        let reader = AnomalyFeatures(blocks, frozen.evaluation, policy: policy, reach: options.reach, on: engine)
        let (width, patches) = (reader.tokenWidth, reader.grid.rows * reader.grid.columns)

        var stream = random.child("held out")
        let order = stream.permutation(normal.count)
        let held = Self.heldOut(of: normal.count, options)
        let fitting = PartOfSource(normal, order.dropFirst(held).sorted())
        let most = options.memory * PatchMemory.candidates
        var candidates: [Float] = []
        candidates.reserveCapacity(min(most, fitting.count * patches) * width)
        let fitted = try reader.table(
            of: fitting, onProgress: { onProgress("normal pictures", $0, fitting.count) },
            patches: { tokens, firstRow in
                for picture in 0..<tokens.count / (patches * width) {
                    // An equal share of each picture's patches, so that there are `most` of all.
                    let row = firstRow + picture
                    let share = min(patches, most * (row + 1) / fitting.count - most * row / fitting.count)
                    var choice = random.child("patches").child(row)
                    for patch in choice.permutation(patches).prefix(share) {
                        let start = (picture * patches + patch) * width
                        candidates += tokens[start..<start + width]
                    }
                }
            })
        guard fitted.count >= 2 else {
            throw EvaluationError(
                "of the normal pictures only \(fitted.count) could be read, and two are needed at least")
        }
        onProgress("memory of patches", 0, 1)
        let memory = PatchMemory(
            choosing: options.memory, of: candidates, width: width, random: random.child("memory"), on: engine)
        candidates = []
        let model = AnomalyModel(
            fitted, blockWidth: blocks.width, memory: memory, neighbour: options.neighbour, on: engine)

        func judged(_ source: any ImageSource, _ what: String) throws -> (table: FeatureTable, maps: [Float]) {
            var maps: [Float] = []
            let table = try reader.table(
                of: source, onProgress: { onProgress(what, $0, source.count) },
                patches: { tokens, _ in maps += model.patchDistances(tokens).map { Float($0) } })
            return (table, maps)
        }
        func worst(_ maps: [Float]) -> [Double] {
            stride(from: 0, to: maps.count, by: patches).map { Double(maps[$0..<$0 + patches].max() ?? 0) }
        }
        let seen = Set(fitted.digests ?? [])
        let all = try judged(PartOfSource(normal, order.prefix(held).sorted()), "held-out normal pictures")
        let fresh =
            all.table.count == 0 ? [] : zip(0..., all.table.digests ?? []).filter { !seen.contains($0.1) }.map(\.0)
        heldOut = all.table.rows(fresh)
        repeated = all.table.count - fresh.count
        let usual = fresh.flatMap { all.maps[$0 * patches..<($0 + 1) * patches] }.map { Double($0) }
        let tested = try judged(test, "test pictures")
        self.options = options
        self.fitted = fitted
        self.test = tested.table
        known = (tested.table.digests ?? []).count { seen.contains($0) }
        let labels = tested.table.labels
        anomalous = normalClass.flatMap { normal in labels.map { $0.map { $0 != normal } } }
        memoryCount = memory.count
        maps = tested.maps
        usualDistance = usual.isEmpty ? 0 : Uncertainty.quantile(usual, 0.5)
        grid = reader.grid

        let calm = model.scores(heldOut, worst: worst(fresh.flatMap { all.maps[$0 * patches..<($0 + 1) * patches] }))
        let scored = model.scores(tested.table, worst: worst(tested.maps))
        var results: [Result] = []
        for (number, detector) in AnomalyDetector.allCases.enumerated() {
            guard let scores = scored[detector], let normal = calm[detector] else { continue }
            let estimate = anomalous.flatMap {
                DetectionEstimate(scores, anomalous: $0, random: random.child("bootstrap").child(number), on: engine)
            }
            results.append(
                Result(
                    detector: detector, threshold: AnomalyThreshold(normal, falseAlarms: options.falseAlarms),
                    scores: scores, estimate: estimate))
        }
        self.results = results
        singular = AnomalyDetector.allCases.filter { scored[$0] == nil }
    }

    /// How many of some normal pictures are held out.
    package static func heldOut(of count: Int, _ options: Options) -> Int {
        func share(_ share: Double) -> Int { Int((Double(count) * share).rounded()) }
        let usual = max(share(0.2), min(AnomalyThreshold.fewest(for: options.falseAlarms), count / 2))
        return min(max(1, options.heldOut.map(share) ?? usual), count - 2)
    }

    /// The figures of a detector; nil for one without.
    public func result(_ detector: AnomalyDetector) -> Result? { results.first { $0.detector == detector } }

    /// Rows of test pictures by falling score of their worst patch.
    public var byPatches: [Int] {
        let scores = result(.patches)?.scores ?? []
        return scores.indices.sorted { (-scores[$0], $0) < (-scores[$1], $1) }
    }

    /// The distances of the patches of a test picture, row by row of the grid.
    public func map(of row: Int) -> [Double] {
        let patches = grid.rows * grid.columns
        return maps[row * patches..<(row + 1) * patches].map { Double($0) }
    }
}
