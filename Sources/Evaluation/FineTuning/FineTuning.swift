import Autodiff
import ImageData
import Optimizers
import RandomStreams
import RecipeSchema
import TrainingStep
import VisionTransformers

/// Training of a whole encoder with a head, as the official MAE fine-tuning does it: AdamW with a rate that falls from block to
/// block, drop path, crops of 8 to 100 % of the area, mirrored, RandAugment, random erasing, mixup or cutmix, smoothed labels.
public struct FineTuning: Sendable {
    /// Passes over the training pictures.
    public var epochs = 100
    /// Epochs over which the rate rises.
    public var warmupEpochs = 5
    /// Pictures of a step.
    public var batch = 1024
    /// The rate for 256 pictures.
    public var baseLearningRate = 5e-4
    /// The factor on the rate from a block to the one before it.
    public var layerDecay = 0.65
    /// Weight decay of matrices.
    public var weightDecay = 0.05
    /// The chance that a branch of the last block is left out.
    public var dropPath = 0.1
    /// How pictures are mixed.
    public var mixing = Mixing.Rule()
    /// How rectangles are erased.
    public var erasing = RandomErasing()
    /// Whether RandAugment is done.
    public var usesRandAugment = true

    /// The settings for ViT-B.
    public init() {}

    /// Trains the subject's encoder and scores the test part after the last epoch.
    func score(_ subject: ProbeSubject, name: String, random: RandomStream) throws -> ProbeScore {
        let frozen = try subject.requireEncoder(for: name)
        let labels = try PartLabels(subject)
        let size = HeadContest.batch(batch, of: labels.train.count)
        var options = frozen.encoder.options
        options.dropPath = dropPath
        var model = FineTuneModel(
            options, grid: frozen.encoder.grid, classes: labels.classes, traits: frozen.encoder.traits,
            random: random.child("head"))
        try model.adopt(frozen.encoder, frozen.parameters)
        let loader = try subject.augmented(subject.train, for: frozen, batch: size, random: random.child("augmented"))
        defer { loader.stop() }
        let warmup = min(Double(warmupEpochs), Double(epochs) / 2)
        let rate = baseLearningRate * Double(size) / 256
        let rates = EpochSchedule(
            LearningRateSchedule(peak: rate, minimum: min(1e-6, rate), epochs: Double(epochs), warmupEpochs: warmup),
            stepsPerEpoch: Double(loader.stepsPerEpoch))
        let layers = LayerDecay(depth: options.depth, decay: layerDecay)
        let groups = ParameterGroup.each(
            of: model.parameters, treatment: DecayRule.fineTuning.treatment(of:), scale: layers.scale(of:))
        var taker = StepTaker(
            AdamW(for: model.parameters, groups, beta2: 0.999), for: model.parameters,
            StepTaker.Rules(rates: rates, decays: ConstantSchedule(weightDecay)))
        let steps = epochs * loader.stepsPerEpoch
        for step in 0..<steps {
            let images = try loader.next()
            let own = images.samples.map { subject.train.label($0) ?? 0 }
            let augmented = self.augmented(images, frozen.evaluation.normalization, random.child("pictures"))
            let (mixed, targets) = mixing.mixed(
                augmented, labels: own, classes: labels.classes, random: random.child("mixing").child(step))
            let streams = images.samples.map { random.child("drop path").child(images.epoch).child($0) }
            let drop = DropPath.drawn(rate: dropPath, depth: options.depth, streams: streams)
            let report = taker.take(&model, on: subject.engine) { model, _, tape in
                tape.crossEntropy(model.logits(mixed, drop: drop, on: &tape), targets: targets)
            }
            guard report.isFinite else {
                throw EvaluationError(
                    "\(name): the loss is not finite at step \(step + 1) of \(steps); lower base_learning_rate (\(baseLearningRate))"
                )
            }
            subject.onProgress("\(name): steps", step + 1, steps)
        }
        let hits = try subject.outcomes(
            of: subject.test, for: frozen, classifiers: 1, batch: 100, "\(name): scoring"
        ) { images in
            var tape = Tape(engine: subject.engine, recording: false)
            return [model.logits(images, on: &tape).value]
        }[0]
        return ProbeScore(
            name: name, outcomes: hits,
            chosen: .object([
                ("epochs", JSONValue(epochs)), ("steps", JSONValue(steps)), ("batch_size", JSONValue(size)),
                ("learning_rate", JSONValue(rate)), ("warmup_epochs", JSONValue(warmup)),
                ("selected_on", JSONValue("nothing")), ("unreadable_replaced", JSONValue(loader.unreadable.count)),
            ]), train: subject.train.count)
    }

    /// The images of a batch, each changed by draws for its number and epoch.
    private func augmented(_ batch: ImageBatch, _ normalization: Normalization, _ random: RandomStream) -> Tensor {
        let (channels, height, width) = (batch.shape[1], batch.shape[2], batch.shape[3])
        let count = channels * height * width
        var values = batch.images
        let augment = RandAugment()
        for (place, sample) in batch.samples.enumerated() {
            let range = place * count..<(place + 1) * count
            var picture = Array(values[range])
            let stream = random.child(batch.epoch).child(sample)
            if usesRandAugment {
                augment.apply(
                    to: &picture, channels: channels, height: height, width: width, mean: normalization.mean,
                    deviation: normalization.deviation, random: stream.child("operations"))
            }
            erasing.apply(
                to: &picture, channels: channels, height: height, width: width, random: stream.child("erasing"))
            values.replaceSubrange(range, with: picture)
        }
        return Tensor(values, Shape(batch.shape))
    }
}
