import Autodiff
import Checkpoints
import Evaluation
import Foundation
import ImageData
import RandomStreams
import RecipeSchema
import VisionTransformers

/// Probes a run's encoder while it trains: the same subset of labelled pictures at every look, drawn by streams of its own.
///
/// The encoder is read, never changed, so that a run has the same bits with and without probes; labels reach the probe alone.
struct OnlineProber {
    private struct Look {
        var options: OnlineProbe
        var judge: Judge
        var train: Pictures
        var test: Pictures
    }

    /// What scores the features.
    private enum Judge {
        /// A protocol, anew at each look.
        case probe(any TableProbe)
        /// A head that learns along the run.
        case head(OnlineHead)
    }

    /// Some pictures of a part; probes that look at the same ones share their features.
    private struct Pictures {
        /// What tells them from others: part, source and number.
        var name: String
        var source: any ImageSource
    }

    private var looks: [Look]
    private let transform: EvaluationTransform
    private let random: RandomStream
    private let engine: Engine

    /// The probes of a recipe whose run takes `steps` steps; opens their pictures, and throws where one has no label.
    init(
        _ recipe: Recipe, steps: Int, engine: Engine, open: (DataOptions, DatasetPart) throws -> any ImageSource
    ) throws {
        let random = RandomStream(seed: UInt64(recipe.seed)).child("online probes")
        var opened: [String: Pictures] = [:]
        looks = try recipe.probes.probes.enumerated().map { place, options in
            var data = recipe.data.forEvaluation
            if let source = options.source { data.source = try SourceArgument.parse(source) }
            func part(_ part: DatasetPart, _ most: Int) throws -> Pictures {
                let name = "\(part.rawValue) \(most) \(options.source ?? "")"
                if let known = opened[name] { return known }
                let source: any ImageSource
                do {
                    source = try open(data, part)
                } catch {
                    throw RunError(.data, "probes[\(place)]: \(error)")
                }
                var stream = random.child(part.rawValue)
                let chosen =
                    source.count > most
                    ? stream.permutation(source.count).prefix(most).sorted() : Array(0..<source.count)
                let some = PartOfSource(source, chosen)
                if let index = (0..<some.count).first(where: { some.label($0) == nil }) {
                    throw RunError(
                        .data,
                        "probes[\(place)]: the picture `\(some.key(index))` of the \(part.rawValue) part has no label, and a probe needs "
                            + "one for each; name labelled pictures in its source, or remove it")
                }
                opened[name] = Pictures(name: name, source: some)
                return Pictures(name: name, source: some)
            }
            let (train, test) = (try part(.train, options.trainPictures), try part(.test, options.testPictures))
            if options.protocolName == OnlineHead.name {
                let head = OnlineHead(
                    options, train: train.source, test: test.source, width: recipe.model.width, steps: steps,
                    batch: recipe.train.effectiveBatch, random: random.child(place).child("head"))
                return Look(options: options, judge: .head(head), train: train, test: test)
            }
            guard let probe = try ProbeCatalogue.named(options.protocolName) as? any TableProbe else {
                throw RunError(.usage, "probes[\(place)]: \(options.protocolName) is no protocol of frozen features")
            }
            return Look(options: options, judge: .probe(probe), train: train, test: test)
        }
        transform = recipe.data.evaluationTransform(
            channels: recipe.model.channels, normalization: recipe.data.writtenNormalization)
        self.random = random
        self.engine = engine
    }

    /// Whether any probe looks at the end of an epoch, counted from 1, of some.
    func isDue(after epoch: Int, of epochs: Int) -> Bool { looks.contains { isDue($0, epoch, epochs) } }

    private func isDue(_ look: Look, _ epoch: Int, _ epochs: Int) -> Bool {
        epoch % look.options.everyEpochs == 0 || epoch == epochs
    }

    /// Lets the heads learn that are due after a step; returns why one could not.
    mutating func learn(_ encoder: Encoder, _ parameters: ParameterStore, after step: Int) -> [String] {
        var reasons: [String] = []
        for place in looks.indices {
            guard case .head(var head) = looks[place].judge, head.isDue(after: step) else { continue }
            do {
                let extractor = try FeatureExtractor(encoder, parameters, engine: engine)
                try head.learn(after: step, on: engine) {
                    try extractor.table(of: $0, transform, requiresLabels: true, policy: .skip)
                }
            } catch {
                reasons.append("the online probe \(OnlineHead.name) could not learn: \(error)")
            }
            looks[place].judge = .head(head)
        }
        return reasons
    }

    /// Rows of what the features of an encoder are worth at the end of an epoch; a probe that fails gives a row with the reason.
    mutating func rows(
        _ encoder: Encoder, _ parameters: ParameterStore, step: Int, epoch: Int, of epochs: Int
    ) -> [JSONValue] {
        var tables: [String: FeatureTable] = [:]
        var rows: [JSONValue] = []
        for (place, look) in looks.enumerated() where isDue(look, epoch, epochs) {
            let start = ContinuousClock.now
            let head: [(String, JSONValue)] = [
                ("kind", JSONValue("probe")), ("step", JSONValue(step)), ("epoch", JSONValue(epoch)),
            ]
            func table(_ pictures: Pictures, _ wanted: Pooling) throws -> FeatureTable {
                let pooling = wanted == .class && !encoder.options.classToken ? .mean : wanted
                let name = "\(pooling.rawValue) \(pictures.name)"
                if let made = tables[name] { return made }
                let extractor = try FeatureExtractor(encoder, parameters, pooling: pooling, engine: engine)
                let made = try extractor.table(of: pictures.source, transform, requiresLabels: true, policy: .skip)
                tables[name] = made
                return made
            }
            do {
                var learning = 0.0
                let scores: [ProbeScore]
                switch look.judge {
                case .probe(let probe):
                    let pooling = type(of: probe).pooling
                    scores = try probe.scores(
                        train: table(look.train, pooling), test: table(look.test, pooling),
                        random: random.child(place).child("probe"), on: engine)
                case .head(var learned):
                    let (score, seconds) = learned.score(try table(look.test, .mean), on: engine)
                    (scores, learning) = ([score], seconds)
                    looks[place].judge = .head(learned)
                }
                let seconds = learning + (ContinuousClock.now - start) / .seconds(1)
                rows += scores.map { .object(head + Self.members(of: $0, seconds: seconds)) }
            } catch {
                rows.append(
                    .object(
                        head + [
                            ("protocol", JSONValue(look.options.protocolName)), ("error", JSONValue("\(error)")),
                        ]))
            }
        }
        return rows
    }

    private static func members(of score: ProbeScore, seconds: Double) -> [(String, JSONValue)] {
        [
            ("protocol", JSONValue(score.name)), ("accuracy", JSONValue(score.accuracy)),
            (
                "interval",
                JSONValue([JSONValue(score.interval.lowerBound), JSONValue(score.interval.upperBound)])
            ), ("chosen", score.chosen), ("train", JSONValue(score.train)), ("test", JSONValue(score.test)),
            ("seconds", JSONValue(seconds)),
        ]
    }
}

/// Heads are kept beside the checkpoints, whose bytes are the same with and without them.
extension OnlineProber {
    /// Writes what the heads have learned until a step, for the checkpoint of that step, which is written next.
    func save(in folder: RunFolder, step: Int) throws(CheckpointError) {
        var file = SafetensorsFile(metadata: ["format": RunFolder.onlineHeadsFormat, "step": "\(step)"])
        for (place, look) in looks.enumerated() {
            guard case .head(let head) = look.judge else { continue }
            for (name, tensor) in head.stored("\(place)") { file[name] = tensor }
        }
        guard !file.names.isEmpty else { return }
        try createFolder(folder.onlineHeads)
        try AtomicFile.write(to: folder.onlineHeadsFile(of: step)) {
            (writer: inout FileWriter) throws(CheckpointError) in
            try Safetensors.write(file, into: &writer)
        }
    }

    /// Removes what belongs to checkpoints that are gone.
    func removeOld(in folder: RunFolder) {
        let kept = Set(folder.checkpoints.steps().map(folder.onlineHeadsFile))
        for name in folder.onlineHeadsNames {
            let file = "\(folder.onlineHeads)/\(name)"
            if !kept.contains(file) { unlink(file) }
        }
    }

    /// Goes on with the heads of a checkpoint; returns a sentence where one begins anew.
    mutating func restore(from folder: RunFolder, step: Int) -> String? {
        let file = folder.onlineHeadsFile(of: step)
        let stored = isFile(file) ? try? Safetensors.read(file) : nil
        var isAnew = false
        for place in looks.indices {
            guard case .head(var head) = looks[place].judge else { continue }
            guard let stored, head.restore("\(place)", from: stored) else {
                isAnew = true
                continue
            }
            looks[place].judge = .head(head)
        }
        return isAnew
            ? "\(file) holds nothing that the online probe \(OnlineHead.name) could go on with; it learns anew from step \(step)"
            : nil
    }
}
