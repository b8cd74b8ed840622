import Autodiff
import ImageData
import Optimizers
public import RandomStreams
public import RecipeSchema
import TrainingStep
import VisionTransformers

/// The linear evaluation of I-JEPA (VISSL's configurations `vit_h16_no_cls`): mean patch tokens of the last block and of the last four,
/// with and without a batch norm, two rates, two weight decays: 16 heads at once by LARS on augmented pictures.
public struct IJEPALinearProbe: Probe {
    /// The name of the protocol in results.
    public static let name = "ijepa-linear"
    /// What it is, in a sentence.
    public static let summary =
        "16 linear heads on mean tokens of one and four blocks by LARS; the best chosen on a held-out tenth."
    /// How long it takes.
    public static let cost = "epochs times the training pictures through the encoder: 50"

    /// Passes over the training pictures.
    public var epochs = 50
    /// Epochs at which the rate is divided by ten.
    public var milestones = [15, 30, 45]
    /// Pictures a step.
    public var batchSize = 256
    /// Rates for 256 pictures, each tried.
    public var learningRates = [0.1, 0.01]
    /// Weight decays, each tried.
    public var weightDecays = [5e-4, 0]

    /// The protocol with its usual settings.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("epochs", \.epochs, in: .closed(1...100_000), "Passes over the training pictures."),
        Field(
            "milestones", \.milestones, in: .list(1...64, of: .closed(1...100_000)),
            "Epochs at which the learning rate is divided by ten."),
        HeadContest.batchField(\.batchSize),
        HeadContest.ratesField(\.learningRates),
        HeadContest.decaysField(\.weightDecays),
    ]

    /// The encoder.
    public var needs: ProbeNeeds { .encoder }

    /// Falls by ten at some steps.
    private struct Stairs: StepSchedule {
        let peak: Double
        let edges: [Int]
        func value(at step: Int) -> Double { edges.reduce(peak) { step >= $1 ? $0 / 10 : $0 } }
    }

    /// The scores; see `Probe`.
    public func scores(_ subject: ProbeSubject, random: RandomStream) throws -> [ProbeScore] {
        let batch = HeadContest.batch(batchSize, of: subject.train.count)
        let options = try subject.requireEncoder(for: Self.name).encoder.options
        let counts = options.depth >= 4 ? [1, 4] : [1]
        let each = max(1, subject.train.count / batch)
        let contest = HeadContest(steps: epochs * each, batch: batch)
        let edges = milestones.map { $0 * each }
        return try contest.scores(subject, name: Self.name, random: random) { classes in
            var candidates: [HeadContest.Candidate] = []
            for blocks in counts {
                for hasNorm in [true, false] {
                    for rate in learningRates {
                        for decay in weightDecays {
                            let head = LinearHead(
                                features: options.width * blocks, classes: classes, batchNorm: hasNorm,
                                random: random.child("\(blocks) \(hasNorm) \(rate) \(decay)"))
                            let groups = ParameterGroup.each(
                                of: head.parameters, treatment: LinearHead.treatment(of:))
                            let rules = StepTaker.Rules(
                                rates: Stairs(peak: rate * Double(batch) / 256, edges: edges),
                                decays: ConstantSchedule(decay))
                            candidates.append(
                                HeadContest.Candidate(
                                    group: "",
                                    settings: [
                                        ("blocks", JSONValue(blocks)), ("batch_norm", JSONValue(hasNorm)),
                                        ("learning_rate", JSONValue(rate)), ("weight_decay", JSONValue(decay)),
                                    ], input: .means(blocks: blocks), head: head,
                                    taker: StepTaker(
                                        LARS(for: head.parameters, groups), for: head.parameters, rules)))
                        }
                    }
                }
            }
            return candidates
        }
    }
}
