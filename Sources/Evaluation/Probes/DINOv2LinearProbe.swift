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
        HeadContest.batchField(\.batchSize),
        HeadContest.ratesField(\.learningRates),
    ]

    /// The encoder.
    public var needs: ProbeNeeds { .encoder }

    /// The scores; see `Probe`.
    public func scores(_ subject: ProbeSubject, random: RandomStream) throws -> [ProbeScore] {
        let batch = HeadContest.batch(batchSize, of: subject.train.count)
        let options = try subject.requireEncoder(for: Self.name).encoder.options
        let counts = options.depth >= 4 ? [1, 4] : [1]
        // Blocks, whether the mean token is appended, and what of the tokens that is.
        let inputs: [(blocks: Int, mean: Bool, part: FrozenTokens.Part)] = counts.flatMap { blocks in
            options.classToken
                ? [false, true].map { (blocks, $0, .classTokens(blocks: blocks, appendsMean: $0)) }
                : [(blocks, true, .means(blocks: blocks))]
        }
        let contest = HeadContest(steps: steps, batch: batch)
        return try contest.scores(subject, name: Self.name, random: random) { classes in
            inputs.flatMap { input in
                learningRates.map { rate in
                    let head = LinearHead(
                        features: options.width * (input.blocks + (input.mean && options.classToken ? 1 : 0)),
                        classes: classes, batchNorm: false, random: random.child("\(input.part) \(rate)"))
                    let groups = ParameterGroup.each(of: head.parameters, treatment: { _ in .undecayed })
                    let peak = rate * Double(batch) / 256
                    let rates = EpochSchedule(
                        LearningRateSchedule(peak: peak, epochs: Double(steps)), stepsPerEpoch: 1)
                    return HeadContest.Candidate(
                        group: "",
                        settings: [
                            ("blocks", JSONValue(input.blocks)), ("mean_token", JSONValue(input.mean)),
                            ("learning_rate", JSONValue(rate)),
                        ], input: input.part, head: head,
                        taker: StepTaker(
                            SGD(for: head.parameters, groups), for: head.parameters, StepTaker.Rules(rates: rates)))
                }
            }
        }
    }
}
