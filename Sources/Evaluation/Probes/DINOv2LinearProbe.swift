import Autodiff
import ImageData
import Optimizers
public import RandomStreams
public import RecipeSchema
import TrainingStep
import VisionTransformers

/// DINOv2's linear evaluation (`eval/linear.py`): heads on one or four last blocks, with and without the mean patch token, at 13 rates,
/// trained at once by SGD on augmented pictures; the best on the held-out tenth is scored.
///
/// An encoder without a class token gives mean patch tokens instead, and half of the heads.
public struct DINOv2LinearProbe: Probe {
    /// The name of the protocol in results.
    public static let name = "dinov2-linear"
    /// What it is, in a sentence.
    public static let summary =
        "52 linear heads on augmented pictures by SGD; blocks, mean token and rate chosen on a held-out tenth."
    /// How long it takes.
    public static let cost = "steps times batch_size pictures through the encoder: 1.6 million"

    /// Optimiser steps.
    public var steps = 12_500
    /// Pictures a step.
    public var batchSize = 128
    /// Rates for 256 pictures, each tried.
    public var learningRates = [1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1]

    /// The protocol with its usual settings.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("steps", \.steps, in: .closed(1...10_000_000), "Optimiser steps."),
        Field(
            "batch_size", \.batchSize, in: .closed(2...1 << 16), "Pictures a step; at most a quarter of all are taken."),
        Field(
            "learning_rates", \.learningRates, in: .list(1...64, of: .above(0, upTo: 1e6)),
            "Learning rates for 256 pictures, among which one is chosen."),
    ]

    /// The encoder.
    public var needs: ProbeNeeds { .encoder }

    /// The scores; see `Probe`.
    public func scores(_ subject: ProbeSubject, random: RandomStream) throws -> [ProbeScore] {
        let batch = HeadContest.batch(batchSize, of: subject.train.count)
        guard let options = subject.encoder?.encoder.options else { throw EvaluationError("no encoder") }
        let counts = options.depth >= 4 ? [1, 4] : [1]
        let parts: [FrozenTokens.Part] = counts.flatMap { blocks -> [FrozenTokens.Part] in
            guard options.classToken else { return [.means(blocks: blocks)] }
            return [false, true].map { .classTokens(blocks: blocks, appendsMean: $0) }
        }
        let contest = HeadContest(steps: steps, batch: batch, blocks: counts.max() ?? 1)
        return try contest.scores(subject, name: Self.name, random: random) { classes in
            parts.flatMap { part in
                learningRates.map { rate in
                    let (blocks, mean) = Self.words(part)
                    let head = LinearHead(
                        features: options.width * (blocks + (mean && options.classToken ? 1 : 0)), classes: classes,
                        batchNorm: false, random: random.child("\(part) \(rate)"))
                    let groups = ParameterGroup.each(of: head.parameters, treatment: { _ in .undecayed })
                    let rates = StepCosine(peak: rate * Double(batch) / 256, steps: steps)
                    return HeadContest.Candidate(
                        group: "",
                        settings: [
                            ("blocks", JSONValue(blocks)), ("mean_token", JSONValue(mean)),
                            ("learning_rate", JSONValue(rate)),
                        ], input: part, head: head,
                        taker: StepTaker(
                            SGD(for: head.parameters, groups), for: head.parameters, StepTaker.Rules(rates: rates)))
                }
            }
        }
    }

    private static func words(_ part: FrozenTokens.Part) -> (blocks: Int, mean: Bool) {
        switch part {
        case .classTokens(let blocks, let appendsMean): (blocks, appendsMean)
        case .means(let blocks): (blocks, true)
        case .patches, .all: (1, false)
        }
    }
}
