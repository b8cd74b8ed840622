import Autodiff
import ImageData
import Optimizers
public import RandomStreams
public import RecipeSchema
import TrainingStep
import VisionTransformers

/// CAPI's evaluation (Darcet et al., arXiv 2502.08769): linear heads on class token, mean patch token and both, and an attention
/// pooling of the patch tokens, each at ten rates and three weight decays by AdamW on augmented pictures.
///
/// The row without an addition to its name is that of the attention pooling.
public struct CAPIAttentiveProbe: Probe {
    /// The name of the protocol in results.
    public static let name = "capi-attentive"
    /// What it is, in a sentence.
    public static let summary =
        "A learnt query over the patch tokens by AdamW, beside linear heads; rate and decay on a held-out tenth."
    /// How long it takes.
    public static let cost =
        "steps times batch_size pictures through the encoder and 30 attentive heads: some times dinov2-linear"

    /// Optimiser steps.
    public var steps = 12_500
    /// Pictures a step.
    public var batchSize = 128
    /// Rates for 256 pictures, each tried.
    public var learningRates = [1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2]
    /// Weight decays, each tried.
    public var weightDecays = [5e-4, 1e-3, 5e-2]

    /// The protocol with its usual settings.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("steps", \.steps, in: .closed(1...10_000_000), "Optimiser steps; a tenth of them is warm-up."),
        HeadContest.batchField(\.batchSize),
        HeadContest.ratesField(\.learningRates),
        HeadContest.decaysField(\.weightDecays),
    ]

    /// The encoder.
    public var needs: ProbeNeeds { .encoder }

    /// The scores; see `Probe`.
    public func scores(_ subject: ProbeSubject, random: RandomStream) throws -> [ProbeScore] {
        let batch = HeadContest.batch(batchSize, of: subject.train.count)
        let options = try subject.requireEncoder(for: Self.name).encoder.options
        var sources: [(group: String, part: FrozenTokens.Part, features: Int)] = [("", .patches, 0)]
        sources.append(("mean", .means(blocks: 1), options.width))
        if options.classToken {
            sources.append(("class", .classTokens(blocks: 1, appendsMean: false), options.width))
            sources.append(("class and mean", .classTokens(blocks: 1, appendsMean: true), 2 * options.width))
        }
        let contest = HeadContest(steps: steps, batch: batch)
        return try contest.scores(subject, name: Self.name, random: random) { classes in
            sources.flatMap { source in
                learningRates.flatMap { rate in
                    weightDecays.map { decay in
                        let own = random.child("\(source.group) \(rate) \(decay)")
                        let head: any TrainableHead =
                            source.part == .patches
                            ? AttentionPoolingHead(
                                width: options.width, heads: AttentionPoolingHead.heads(width: options.width),
                                classes: classes, random: own)
                            : LinearHead(features: source.features, classes: classes, batchNorm: false, random: own)
                        return candidate(source.group, source.part, head, rate, decay, batch)
                    }
                }
            }
        }
    }

    private func candidate(
        _ group: String, _ part: FrozenTokens.Part, _ head: any TrainableHead, _ rate: Double, _ decay: Double,
        _ batch: Int
    ) -> HeadContest.Candidate {
        let groups = ParameterGroup.each(of: head.parameters) {
            $0.name.hasSuffix(".bias") ? .undecayed : .decayed
        }
        let rules = StepTaker.Rules(
            rates: EpochSchedule(
                LearningRateSchedule(
                    peak: rate * Double(batch) / 256, epochs: Double(steps), warmupEpochs: Double(steps / 10)),
                stepsPerEpoch: 1),
            decays: ConstantSchedule(decay))
        return HeadContest.Candidate(
            group: group, settings: [("learning_rate", JSONValue(rate)), ("weight_decay", JSONValue(decay))],
            input: part, head: head,
            taker: StepTaker(
                AdamW(for: head.parameters, groups, beta1: 0.9, beta2: 0.95), for: head.parameters, rules))
    }
}
