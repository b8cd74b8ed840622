public import Autodiff
import Optimizers
public import RandomStreams
public import RecipeSchema

/// MAE's linear probe (He et al. 2022, `main_linprobe.py`) on stored features: batch normalisation without scale and
/// shift, a linear layer, LARS, warm-up and half-cosine.
///
/// The original augments its pictures; stored features are the same in each epoch. Its batch of 16384 is cut to a
/// quarter of the training pictures, and the base learning rate is chosen on the held-out tenth, because small sets
/// take few steps. The result says both. The last epoch's head is the one that is scored.
public struct LinearProbe: TableProbe {
    /// The name of the protocol in results.
    public static let name = "mae-linprobe"
    /// What it is, in a sentence.
    public static let summary = "Batch norm and a linear layer trained by LARS; rate chosen on a held-out tenth."
    /// How long it takes.
    public static let cost = "a minute on tens of thousands of pictures"

    /// Number of epochs.
    public var epochs = 90
    /// Epochs over which the rate rises from 0.
    public var warmupEpochs = 10
    /// Pictures a step, at most; a quarter of the training pictures where that is less.
    public var batchSize = 16384
    /// The base rates (for a batch of 256) among which one is chosen.
    public var baseLearningRates = [0.1, 1, 10]

    /// The protocol with its usual settings.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("epochs", \.epochs, in: .closed(1...100_000), "Number of epochs."),
        Field(
            "warmup_epochs", \.warmupEpochs, in: .closed(0...100_000),
            "Epochs over which the learning rate rises from 0."),
        Field(
            "batch_size", \.batchSize, in: .closed(2...1 << 24), "Pictures a step; at most a quarter of all are taken."),
        Field(
            "base_learning_rates", \.baseLearningRates,
            in: .list(1...64, of: .above(0, upTo: 1e6)),
            "Learning rates for a batch of 256, among which one is chosen."),
    ]

    /// The warm-up must end before the last epoch.
    public func check() -> [String] {
        warmupEpochs < epochs ? [] : ["warmup_epochs is \(warmupEpochs); it must be below epochs, which is \(epochs)"]
    }

    /// The scores; see `Probe`.
    public func scores(
        train: FeatureTable, test: FeatureTable, random: RandomStream, on engine: Engine
    ) throws -> [ProbeScore] {
        let tables = try ProbeTables(train, test)
        var best = baseLearningRates[0]
        var validation: [JSONValue] = []
        if baseLearningRates.count > 1 {
            let choosing = try tables.choosing(HeldOutTenth(labels: tables.trainLabels, random: random))
            var highest = -1.0
            for rate in baseLearningRates {
                let score = Ranking.share(outcomes(choosing, rate, random, engine))
                validation.append(JSONValue([JSONValue(rate), JSONValue(score)]))
                if score > highest { (best, highest) = (rate, score) }
            }
        }
        let batch = batch(of: train.count)
        return [
            ProbeScore(
                name: Self.name, outcomes: outcomes(tables, best, random, engine),
                chosen: .object(
                    [
                        ("base_learning_rate", JSONValue(best)),
                        ("learning_rate", JSONValue(best * Double(batch) / 256)), ("batch_size", JSONValue(batch)),
                        (
                            "batch_rule",
                            JSONValue(batch == batchSize ? "as asked" : "a quarter of the training pictures")
                        ),
                        ("epochs", JSONValue(epochs)), ("warmup_epochs", JSONValue(warmupEpochs)),
                        ("augmentation", JSONValue("none")),
                        ("selected_on", JSONValue(validation.isEmpty ? "nothing" : "held-out tenth")),
                        ("validation", JSONValue(validation)),
                    ] + tables.remarks), train: train.count)
        ]
    }

    private func batch(of count: Int) -> Int { min(batchSize, max(2, count / 4)) }

    /// Trains a head and says which test pictures it gets right.
    private func outcomes(
        _ tables: ProbeTables, _ baseRate: Double, _ random: RandomStream, _ engine: Engine
    ) -> [Bool] {
        let (train, features) = (tables.train, tables.train.dimension)
        let batch = batch(of: train.count)
        let stepsPerEpoch = train.count / batch
        var draws = random.child("linear head")
        var head = BatchNormHead(
            weight: (0..<(tables.classes * features)).map { _ in 0.01 * draws.normal() },
            bias: [Double](repeating: 0, count: tables.classes), on: engine)
        let schedule = LearningRateSchedule(
            peak: baseRate * Double(batch) / 256, epochs: Double(epochs), warmupEpochs: Double(warmupEpochs))
        let orders = random.child("order of the linear probe")
        for epoch in 0..<epochs {
            var stream = orders.child(epoch)
            let order = stream.permutation(train.count)
            for step in 0..<stepsPerEpoch {
                let chosen = train.rows([Int](order[(step * batch)..<((step + 1) * batch)]))
                let time = Double(epoch) + Double(step) / Double(stepsPerEpoch)
                head.train(
                    chosen.features, labels: chosen.labels ?? [],
                    learningRate: schedule.rate(at: time))
            }
        }
        let predictions = Ranking.best(head.logits(tables.test.features), classes: tables.classes)
        return zip(predictions, tables.testLabels).map { $0 == $1 }
    }
}
