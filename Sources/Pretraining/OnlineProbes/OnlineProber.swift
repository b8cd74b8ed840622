import Autodiff
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
        var probe: any TableProbe
        var train: Pictures
        var test: Pictures
    }

    /// Some pictures of a part; probes that look at the same ones share their features.
    private struct Pictures {
        /// What tells them from others: part, source and number.
        var name: String
        var source: any ImageSource
    }

    private let looks: [Look]
    private let transform: EvaluationTransform
    private let random: RandomStream
    private let engine: Engine

    /// The probes of a recipe; opens their pictures, and throws where one has no label.
    init(
        _ recipe: Recipe, engine: Engine, open: (DataOptions, DatasetPart) throws -> any ImageSource
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
            guard let probe = try ProbeCatalogue.named(options.protocolName) as? any TableProbe else {
                throw RunError(.usage, "probes[\(place)]: \(options.protocolName) is no protocol of frozen features")
            }
            return Look(
                options: options, probe: probe, train: try part(.train, options.trainPictures),
                test: try part(.test, options.testPictures))
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

    /// Rows of what the features of an encoder are worth at the end of an epoch; a probe that fails gives a row with the reason.
    func rows(
        _ encoder: Encoder, _ parameters: ParameterStore, step: Int, epoch: Int, of epochs: Int
    ) -> [JSONValue] {
        var tables: [String: FeatureTable] = [:]
        return looks.enumerated().filter { isDue($1, epoch, epochs) }.flatMap { place, look -> [JSONValue] in
            let start = ContinuousClock.now
            let head: [(String, JSONValue)] = [
                ("kind", JSONValue("probe")), ("step", JSONValue(step)), ("epoch", JSONValue(epoch)),
            ]
            do {
                let wanted = type(of: look.probe).pooling
                let pooling = wanted == .class && !encoder.options.classToken ? .mean : wanted
                let extractor = try FeatureExtractor(encoder, parameters, pooling: pooling, engine: engine)
                func table(_ pictures: Pictures) throws -> FeatureTable {
                    let name = "\(pooling.rawValue) \(pictures.name)"
                    if let made = tables[name] { return made }
                    let made = try extractor.table(of: pictures.source, transform, requiresLabels: true, policy: .skip)
                    tables[name] = made
                    return made
                }
                let scores = try look.probe.scores(
                    train: table(look.train), test: table(look.test), random: random.child(place).child("probe"),
                    on: engine)
                let seconds = (ContinuousClock.now - start) / .seconds(1)
                return scores.map { score in
                    .object(
                        head + [
                            ("protocol", JSONValue(score.name)), ("accuracy", JSONValue(score.accuracy)),
                            (
                                "interval",
                                JSONValue([JSONValue(score.interval.lowerBound), JSONValue(score.interval.upperBound)])
                            ), ("chosen", score.chosen), ("train", JSONValue(score.train)),
                            ("test", JSONValue(score.test)),
                            ("seconds", JSONValue(seconds)),
                        ])
                }
            } catch {
                return [
                    .object(
                        head + [("protocol", JSONValue(look.options.protocolName)), ("error", JSONValue("\(error)"))])
                ]
            }
        }
    }
}
