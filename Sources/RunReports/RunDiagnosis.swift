public import Autodiff
import Checkpoints
public import Evaluation
import Foundation
public import ImageData
public import Pretraining
import PretrainingMethods
public import RecipeSchema
import VisionTransformers

/// What the blocks of a run's encoder do, beside those of the same network with initial values; over checkpoints, too.
public struct RunDiagnosis: Sendable {
    /// One encoder that was looked at.
    public struct Look: Sendable {
        /// `pretrained` or `random-init`.
        public var features: String
        /// Steps that it has seen.
        public var step: Int
        /// What was found.
        public var figures: EncoderDiagnostics
    }

    /// The encoders, the last checkpoint first, then the untrained one, then earlier checkpoints by rising steps.
    public let looks: [Look]
    /// Checkpoints that are damaged and were passed over, a sentence each.
    public let warnings: [String]

    /// Looks at a run's encoders; `onProgress` hears what is looked at and how many pictures are done.
    public init(
        _ folder: RunFolder, of source: any ImageSource, _ transform: EvaluationTransform, count: Int,
        allCheckpoints: Bool, engine: Engine, onProgress: (String, Int) -> Void
    ) throws {
        let trained = try TrainedMethod(folder)
        let (untrained, initial) = try EvaluatedEncoder(path: folder.path).untrained()
        func look(_ features: String, _ step: Int, _ encoder: Encoder, _ parameters: ParameterStore) throws -> Look {
            let name = features == "pretrained" ? "step \(step)" : "the network without training"
            let figures = try EncoderDiagnostics(
                encoder, parameters, of: source, transform, count: count, engine: engine,
                onProgress: { onProgress(name, $0) })
            return Look(features: features, step: step, figures: figures)
        }
        func look(_ trained: TrainedMethod) throws -> Look {
            try look("pretrained", trained.step, trained.method.encoder, trained.method.encoderParameters)
        }
        var warnings = trained.warnings
        var looks = [try look(trained), try look("random-init", 0, untrained, initial)]
        if allCheckpoints {
            // Those that are newer are damaged, which is said already.
            for step in folder.checkpoints.steps() where step < trained.step {
                let earlier: TrainedMethod
                do {
                    earlier = try TrainedMethod(folder, step: step)
                } catch let error as RunError {
                    warnings.append("the checkpoint of step \(step) is left out: \(error)")
                    continue
                }
                looks.append(try look(earlier))
            }
        }
        self.looks = looks
        self.warnings = warnings
    }

    /// A row a block of each encoder, for `diagnose.jsonl`.
    public var rows: [JSONValue] {
        looks.flatMap { look in
            look.figures.blocks.map { block in
                .object(
                    [
                        ("features", JSONValue(look.features)), ("step", JSONValue(look.step)),
                        ("pictures", JSONValue(look.figures.pictures)),
                        ("attention_pictures", JSONValue(look.figures.attentionPictures)),
                        ("uniform_distance", JSONValue(look.figures.uniformDistance)),
                        ("uniform_entropy", JSONValue(look.figures.uniformEntropy)),
                    ] + block.members.map { ($0.name, $0.value) })
            }
        }
    }

    /// Sentences on what is unusual in the trained encoder; one that says so where nothing is.
    public var remarks: [String] {
        guard let trained = looks.first?.figures else { return [] }
        var remarks: [String] = []
        for block in trained.blocks {
            let name = "Block \(block.block)"
            if block.massiveCount > 0 {
                remarks.append(
                    "\(name) has massive activations: \(number(block.massiveCount)) values a picture above 100 and a thousand "
                        + "medians, most often in channel \(block.channel); half precision and 8 bits need care.")
            } else if block.maxToMedian > 300 {
                remarks.append(
                    "\(name) has values of \(number(block.maxToMedian)) medians, in \(number(100 * block.channelShare)) % of the "
                        + "pictures in channel \(block.channel): on their way to massive activations.")
            }
            if block.deadUnitShare > 0.3 {
                remarks.append(
                    "\(name): \(number(100 * block.deadUnitShare)) % of its hidden units are above 0 for no token of the sample; "
                        + "a narrower perceptron would do.")
            }
            let narrow = block.attentionEntropy.count { $0 < 0.1 * trained.uniformEntropy }
            if narrow > 0 {
                remarks.append(
                    "\(name): \(narrow) of \(block.attentionEntropy.count) heads look at hardly more than one token (less than a tenth "
                        + "of the entropy of uniform attention).")
            }
        }
        if let last = trained.blocks.last, last.centredRank < 0.05 * Double(min(trained.width, trained.pictures)) {
            remarks.append(
                "The features of the last block use \(number(last.centredRank)) of \(min(trained.width, trained.pictures)) "
                    + "possible directions: part of the representation may have collapsed.")
        }
        return remarks.isEmpty
            ? [
                "Nothing unusual: no massive activations, few dead units, no head that looks at one token, no collapsed rank."
            ]
            : remarks
    }

    /// The most important figures of the last checkpoint and of the untrained network, a line a block.
    public var table: (headings: [String], rows: [[String]]) {
        let headings = [
            "block", "max/median", "dead units", "units at work", "attention, pixels", "entropy, nats", "rank",
            "rank, centred",
        ]
        guard looks.count >= 2 else { return (headings, []) }
        let rows = zip(looks[0].figures.blocks, looks[1].figures.blocks).map { trained, untrained in
            func cell(_ value: (BlockFigures) -> Double, percent: Bool = false) -> String {
                [trained, untrained].map { percent ? number(100 * value($0)) + " %" : number(value($0)) }
                    .joined(separator: " / ")
            }
            return [
                "\(trained.block)", cell { $0.maxToMedian }, cell({ $0.deadUnitShare }, percent: true),
                cell({ $0.aboveThresholdShare }, percent: true), cell { mean($0.attentionDistance) },
                cell { mean($0.attentionEntropy) }, cell { $0.rankMe }, cell { $0.centredRank },
            ]
        }
        return (headings, rows)
    }

    private func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(1, values.count)) }

    private func number(_ value: Double) -> String {
        value.isFinite ? String(format: abs(value) < 100 ? "%.3g" : "%.0f", value) : "–"
    }
}
