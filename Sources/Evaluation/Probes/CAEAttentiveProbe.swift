import Autodiff
import ImageData
import Optimizers
public import RandomStreams
public import RecipeSchema
import TrainingStep
import VisionTransformers

/// CAE's attentive evaluation (Chen et al., arXiv 2202.03026): a learnt query over all tokens, batch norm, linear, by SGD on augmented
/// pictures. Nothing is chosen.
public struct CAEAttentiveProbe: Probe {
    /// The name of the protocol in results.
    public static let name = "cae-attentive"
    /// What it is, in a sentence.
    public static let summary =
        "A learnt query with cross-attention over all tokens, batch norm, linear, by SGD; nothing is chosen."
    /// How long it takes.
    public static let cost = "epochs times the training pictures through the encoder: 90"

    /// Passes over the training pictures.
    public var epochs = 90
    /// Epochs over which the rate rises.
    public var warmupEpochs = 10
    /// Pictures a step.
    public var batchSize = 512
    /// The rate for 8192 pictures.
    public var learningRate = 0.4

    /// The protocol with its usual settings.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("epochs", \.epochs, in: .closed(1...100_000), "Passes over the training pictures."),
        Field("warmup_epochs", \.warmupEpochs, in: .closed(0...100_000), "Epochs over which the learning rate rises."),
        HeadContest.batchField(\.batchSize),
        Field(
            "learning_rate", \.learningRate, in: .above(0, upTo: 1e6),
            "Learning rate for 8192 pictures, as published; fewer take their share of it."),
    ]

    /// The warm-up must end before the last epoch.
    public func check() -> [String] {
        warmupEpochs < epochs ? [] : ["warmup_epochs is \(warmupEpochs); it must be below epochs, which is \(epochs)"]
    }

    /// The encoder.
    public var needs: ProbeNeeds { .encoder }

    /// The scores; see `Probe`.
    public func scores(_ subject: ProbeSubject, random: RandomStream) throws -> [ProbeScore] {
        let batch = HeadContest.batch(batchSize, of: subject.train.count)
        let options = try subject.requireEncoder(for: Self.name).encoder.options
        if let fault = options.headsFault { throw EvaluationError(fault) }
        let each = max(1, subject.train.count / batch)
        let contest = HeadContest(steps: epochs * each, batch: batch)
        return try contest.scores(subject, name: Self.name, random: random) { classes in
            let head = AttentiveHead(
                width: options.width, heads: options.heads, classes: classes, qkvBias: .noKey,
                random: random.child("head"))
            let groups = ParameterGroup.each(of: head.parameters, treatment: { _ in .undecayed })
            let rate = learningRate * Double(batch) / 8192
            let rates = EpochSchedule(
                LearningRateSchedule(
                    peak: rate, minimum: 1e-6, epochs: Double(epochs), warmupEpochs: Double(warmupEpochs),
                    warmupStart: 1e-6), stepsPerEpoch: Double(each))
            return [
                HeadContest.Candidate(
                    group: "", settings: [("learning_rate", JSONValue(rate))], input: .all, head: head,
                    taker: StepTaker(
                        SGD(for: head.parameters, groups), for: head.parameters, StepTaker.Rules(rates: rates)))
            ]
        }
    }
}
