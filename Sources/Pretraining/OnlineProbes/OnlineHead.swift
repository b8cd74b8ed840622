import Autodiff
import Checkpoints
import Evaluation
import ImageData
import Optimizers
import RandomStreams
import RecipeSchema
import TrainingStep
import VisionTransformers

/// A linear classifier that learns beside a run, from what the encoder makes of labelled pictures at that moment: no gradient goes
/// into the encoder, and nothing of the run depends on it.
///
/// Every `every_steps` steps it sees a batch as large as the run's, unmasked and in the form of evaluation, and takes a step of
/// SGD with momentum 0.9 and without decay, at a rate of 0.1 for 256 pictures that falls with a cosine over the run. The batch
/// depends on the number of the step alone.
struct OnlineHead {
    /// The name in recipes.
    static let name = "online-linear"
    /// The rate for 256 pictures.
    private static let rate = 0.1
    /// Most steps of a head that can be gone on with.
    private static let mostSteps = 1 << 40

    private let train: any ImageSource
    private let everySteps: Int
    private let batch: Int
    private let random: RandomStream
    private var classifier: LinearHead
    private var taker: StepTaker
    /// Seconds of learning since the last score.
    private var seconds = 0.0

    /// A head at rest, for features of a width; `steps` are those of the run.
    init(
        _ options: OnlineProbe, train: any ImageSource, test: any ImageSource, width: Int, steps: Int, batch: Int,
        random: RandomStream
    ) {
        self.train = train
        self.batch = min(batch, train.count)
        self.random = random
        everySteps = options.everySteps ?? OnlineProbe.usualSteps
        let labels = [train, test].flatMap { source in (0..<source.count).map { source.label($0) ?? 0 } }
        classifier = LinearHead(
            features: width, classes: (labels.max() ?? 0) + 1, batchNorm: false, random: random.child("weights"))
        let cosine = LearningRateSchedule(
            peak: Self.rate * Double(self.batch) / 256, epochs: Double(max(1, steps / everySteps)))
        taker = StepTaker(
            SGD(
                for: classifier.parameters,
                ParameterGroup.each(of: classifier.parameters, treatment: { _ in .undecayed })),
            for: classifier.parameters, StepTaker.Rules(rates: EpochSchedule(cosine, stepsPerEpoch: 1)))
    }

    /// Whether it learns after a step of the run.
    func isDue(after step: Int) -> Bool { step % everySteps == 0 }

    /// Takes a step on pictures that `features` are computed of; those that cannot be read are left out.
    mutating func learn(after step: Int, on engine: Engine, features: (any ImageSource) throws -> FeatureTable) throws {
        let start = ContinuousClock.now
        let table = try features(PartOfSource(train, samples(of: step / everySteps - 1)))
        if let labels = table.labels, table.count > 0 {
            let input = Tensor(table.features, [table.count, table.dimension])
            // What has grown beyond bounds changes nothing, and scores show it.
            _ = taker.take(&classifier, on: engine) { head, _, tape in
                tape.crossEntropy(head.training(input, on: &tape), labels: labels)
            }
        }
        seconds += (ContinuousClock.now - start) / .seconds(1)
    }

    /// The pictures of a batch, by its number: each pass has an order of its own, and what is left of one begins no batch.
    private func samples(of number: Int) -> [Int] {
        let perPass = train.count / batch
        var stream = random.child("order").child(number / perPass)
        let place = number % perPass * batch
        return Array(stream.permutation(train.count)[place..<place + batch])
    }

    /// The score on features, and the seconds that learning took since the last one.
    mutating func score(_ table: FeatureTable, on engine: Engine) -> (score: ProbeScore, seconds: Double) {
        defer { seconds = 0 }
        let logits = classifier.logits(Tensor(table.features, [table.count, table.dimension]), engine: engine)
        let best = Ranking.best(logits.array.map(Double.init), classes: logits.shape[1])
        let score = ProbeScore(
            name: Self.name, outcomes: zip(best, table.labels ?? []).map { $0 == $1 },
            chosen: .object([("steps", JSONValue(taker.step)), ("batch_size", JSONValue(batch))]), train: train.count)
        return (score, seconds)
    }
}

/// What it has learned, so that a resumed run goes on with it.
extension OnlineHead {
    /// Weights and velocity, by names below `prefix`.
    func stored(_ prefix: String) -> [(name: String, tensor: StoredTensor)] {
        let parameters = classifier.parameters.entries.compactMap { entry in
            classifier.parameters[entry.name].map {
                ("\(prefix).\(entry.name)", StoredTensor($0.array, shape: Array(entry.shape)))
            }
        }
        let moments = taker.optimizer.state.map { name, values in
            ("\(prefix).\(name)", StoredTensor(values.array, shape: [values.count]))
        }
        return parameters + moments + [("\(prefix).steps", StoredTensor([Int64(taker.step)]))]
    }

    /// Goes on from such a file; false, and nothing changed, where it holds another head.
    mutating func restore(_ prefix: String, from file: SafetensorsFile) -> Bool {
        func values(_ name: String, _ shape: Shape) -> Tensor? {
            guard let stored = file["\(prefix).\(name)"], stored.shape == Array(shape) else { return nil }
            return Tensor(stored.floats(), shape)
        }
        guard let steps = file["\(prefix).steps"]?.integers(), steps.count == 1, (0...Self.mostSteps).contains(steps[0])
        else { return false }
        var next = classifier
        for id in next.parameters.ids {
            let entry = next.parameters.entry(id)
            guard let value = values(entry.name, entry.shape) else { return false }
            next.parameters.setValue(value, for: id)
        }
        var moments: [String: Tensor] = [:]
        for (name, flat) in taker.optimizer.state {
            guard let value = values(name, flat.shape) else { return false }
            moments[name] = value
        }
        classifier = next
        taker.restore(moments, step: steps[0])
        return true
    }
}
