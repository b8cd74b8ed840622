public import Autodiff
import Foundation
public import ImageData
import ImageMasking
public import VisionTransformers

/// What the blocks of an encoder do with a sample of pictures, unmasked, in evaluation form.
public struct EncoderDiagnostics: Sendable {
    /// Each block's figures.
    public let blocks: [BlockFigures]
    /// Pictures that were looked at.
    public let pictures: Int
    /// Pictures of them whose attention was looked at.
    public let attentionPictures: Int
    /// Pictures that could not be read.
    public let skipped: [SkippedPicture]
    /// The distance of uniform attention on the same grid, in pixels.
    public let uniformDistance: Double
    /// The entropy of uniform attention, ln T, in nats.
    public let uniformEntropy: Double
    /// Numbers of a token.
    public let width: Int

    /// Pictures whose attention is looked at, at most.
    public static let mostAttentionPictures = 256

    /// Looks at the first `count` readable pictures of a source; throws where there are fewer than two, or where a number that the
    /// encoder makes is not finite. `onProgress` hears how many pictures are done.
    public init(
        _ encoder: Encoder, _ parameters: ParameterStore, of source: any ImageSource, _ transform: EvaluationTransform,
        count: Int, engine: Engine, onProgress: (Int) -> Void = { _ in }
    ) throws {
        let (options, grid) = (encoder.options, encoder.grid)
        let loader = EvaluationLoader(
            source: source, transform: transform, batchSize: 16, threads: 2, requiresLabels: false, policy: .skip)
        var sums = [BlockSums](repeating: BlockSums(), count: options.depth)
        var (seen, attended): (Int, Int) = (0, 0)
        var skipped: [SkippedPicture] = []
        let geometry = AttentionMaps.Geometry(
            rows: grid.rows, columns: grid.columns, patchSize: options.patchSize, prefix: encoder.prefix)
        while seen < count, let batch = try loader.next() {
            skipped += batch.skipped
            let readable = min(batch.shape[0], count - seen)
            guard readable > 0 else { continue }
            let images = Tensor(batch.images, Shape(batch.shape)).entries(0..<readable)
            let wantsAttention = attended < Self.mostAttentionPictures
            var tape = Tape(engine: engine, recording: false)
            let run = encoder(
                images, parameters, keeping: wantsAttention ? [.layers, .hidden, .attention] : [.layers, .hidden],
                on: &tape)
            for block in 0..<options.depth {
                try sums[block].add(output: run.layers[block].value, prefix: encoder.prefix, block: block)
                sums[block].add(hidden: run.hidden[block])
                if wantsAttention { sums[block].add(attention: run.attention[block], geometry) }
            }
            seen += readable
            if wantsAttention { attended += readable }
            onProgress(seen)
        }
        guard seen >= 2 else {
            throw EvaluationError("\(seen) pictures could be read; ranks need two at least")
        }
        pictures = seen
        attentionPictures = attended
        self.skipped = skipped
        width = options.width
        uniformDistance = geometry.uniformDistance
        uniformEntropy = log(Double(geometry.tokens))
        blocks = sums.enumerated().map { $1.figures(block: $0 + 1, width: options.width) }
    }
}

/// Sums over the pictures of a block.
private struct BlockSums {
    private var pictures = 0.0
    private var top3 = [0.0, 0, 0]
    private var median = 0.0
    private var maxToMedian = 0.0
    private var massive = 0
    private var channels: [Int: Int] = [:]
    private var features: [Double] = []
    private var tokens = 0.0
    private var (positive, above, participation) = (0.0, 0.0, 0.0)
    private var isAlive: [Bool] = []
    private var attended = 0.0
    private var distance: [Double] = []
    private var entropy: [Double] = []

    /// Takes the output `[B, T, W]` of the block in.
    mutating func add(output: Tensor, prefix: Int, block: Int) throws(EvaluationError) {
        let (count, rows, width) = (output.shape[0], output.shape[1], output.shape[2])
        let values = output.array.map { Double($0) }
        guard values.allSatisfy(\.isFinite) else {
            throw EvaluationError("the output of block \(block + 1) is not finite, so this encoder is of no use")
        }
        let found = MassiveActivations(values, pictures: count, tokens: rows, width: width)
        let weight = Double(count)
        for place in 0..<3 { top3[place] += weight * found.top3[place] }
        median += weight * found.median
        maxToMedian += weight * found.maxToMedian
        massive += found.counts.reduce(0, +)
        for place in found.places { channels[place.channel, default: 0] += 1 }
        pictures += weight
        for picture in 0..<count {
            var mean = [Double](repeating: 0, count: width)
            for row in prefix..<rows {
                let start = (picture * rows + row) * width
                for column in 0..<width { mean[column] += values[start + column] }
            }
            features += mean.map { $0 / Double(rows - prefix) }
        }
    }

    /// Takes the hidden units `[B, T, H]` in.
    mutating func add(hidden: Tensor) {
        let (rows, units) = (hidden.shape[0] * hidden.shape[1], hidden.shape[2])
        let found = ActivationSparsity(hidden.array.map { Double($0) }, tokens: rows, units: units)
        if isAlive.isEmpty { isAlive = [Bool](repeating: false, count: units) }
        for unit in 0..<units where found.isAlive[unit] { isAlive[unit] = true }
        let weight = Double(rows)
        positive += weight * found.positiveShare
        above += weight * found.aboveThresholdShare
        participation += weight * found.participation
        tokens += weight
    }

    /// Takes attention `[B, heads, T, T]` in.
    mutating func add(attention: Tensor, _ geometry: AttentionMaps.Geometry) {
        let (count, heads) = (attention.shape[0], attention.shape[1])
        let size = geometry.tokens * geometry.tokens
        let values = attention.array
        if distance.isEmpty {
            distance = [Double](repeating: 0, count: heads)
            entropy = distance
        }
        for picture in 0..<count {
            for head in 0..<heads {
                let start = (picture * heads + head) * size
                let map = values[start..<start + size].map { Double($0) }
                distance[head] += AttentionMaps.distance(map, geometry)
                entropy[head] += AttentionMaps.entropy(map, tokens: geometry.tokens)
            }
        }
        attended += Double(count)
    }

    func figures(block: Int, width: Int) -> BlockFigures {
        let spectrum = FeatureSpectrum(features, rows: features.count / width, width: width)
        // Of channels that are equally often the largest, the first.
        let often = channels.max { ($0.value, -$0.key) < ($1.value, -$1.key) }
        return BlockFigures(
            block: block, top3: top3.map { $0 / pictures }, median: median / pictures,
            maxToMedian: maxToMedian / pictures, massiveCount: Double(massive) / pictures, channel: often?.key ?? 0,
            channelShare: Double(often?.value ?? 0) / pictures, positiveShare: positive / tokens,
            aboveThresholdShare: above / tokens, participation: participation / tokens,
            deadUnitShare: Double(isAlive.count { !$0 }) / Double(isAlive.count),
            attentionDistance: distance.map { $0 / attended }, attentionEntropy: entropy.map { $0 / attended },
            rankMe: spectrum.rankMe, centredRank: spectrum.centredEffectiveRank,
            participationRatio: spectrum.participationRatio, stableRank: spectrum.stableRank)
    }
}
