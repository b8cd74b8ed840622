import Autodiff
import ImageData
import Optimizers
import RandomStreams
import RecipeSchema
import TrainingStep

/// A head that learns from what a frozen encoder makes of pictures.
protocol TrainableHead: ParameterOwner {
    /// Scores `[B, classes]` in training.
    mutating func scores(training input: Tensor, on tape: inout Tape) -> Variable
    /// Scores `[B, classes]` in evaluation.
    func logits(_ input: Tensor, engine: Engine) -> Tensor
}

extension TrainableHead {
    /// The head and its optimiser after one step.
    fileprivate func stepped(
        by taker: StepTaker, _ input: Tensor, _ labels: [Int], _ engine: Engine
    ) -> (head: any TrainableHead, taker: StepTaker) {
        var (head, taker) = (self, taker)
        _ = taker.take(&head, on: engine) { head, _, tape in
            tape.crossEntropy(head.scores(training: input, on: &tape), labels: labels)
        }
        return (head, taker)
    }
}

extension LinearHead: TrainableHead {
    mutating func scores(training input: Tensor, on tape: inout Tape) -> Variable { training(input, on: &tape) }
}
extension AttentiveHead: TrainableHead {
    mutating func scores(training input: Tensor, on tape: inout Tape) -> Variable { training(input, on: &tape).logits }
}
extension AttentionPoolingHead: TrainableHead {
    mutating func scores(training input: Tensor, on tape: inout Tape) -> Variable { self(input, on: &tape).logits }
}

/// Heads that are trained side by side on one pass of a frozen encoder over augmented pictures (random crops of 8 to 100 % of the
/// area, mirrored half of the time), of which the best of each group on a held-out tenth of the training part is scored.
struct HeadContest {
    /// A head with its settings.
    struct Candidate {
        /// What it is compared with; each group gives a score.
        var group: String
        /// What sets it apart.
        var settings: [(String, JSONValue)]
        /// What it looks at.
        var input: FrozenTokens.Part
        /// The head.
        var head: any TrainableHead
        /// Its optimiser.
        var taker: StepTaker
    }

    /// Optimiser steps.
    var steps: Int
    /// Pictures of a step.
    var batch: Int
    /// Pictures of a step of `wanted`: at most a quarter of the training part.
    static func batch(_ wanted: Int, of pictures: Int) -> Int { min(wanted, max(2, pictures / 4)) }

    /// Scores under `name`, a row a group; `make` gives the candidates for so many classes.
    func scores(
        _ subject: ProbeSubject, name: String, random: RandomStream, _ make: (_ classes: Int) -> [Candidate]
    ) throws -> [ProbeScore] {
        let frozen = try subject.requireEncoder(for: name)
        let labels = try PartLabels(subject)
        var candidates = make(labels.classes)
        let groups = candidates.reduce(into: [String]()) { if !$0.contains($1.group) { $0.append($1.group) } }
        let isChoosing = groups.count < candidates.count
        let split = HeldOutTenth(labels: labels.train, random: random)
        if isChoosing && split.validation.isEmpty {
            throw EvaluationError(
                "no class of the training part has two pictures, so none can be held out to choose settings on")
        }
        let training = isChoosing ? PartOfSource(subject.train, split.training) : subject.train
        let loader = try subject.augmented(training, for: frozen, batch: batch, random: random.child("augmented"))
        defer { loader.stop() }
        let blocks = candidates.map(\.input.blocks).max() ?? 1
        for step in 0..<steps {
            let images = try loader.next()
            let tokens = FrozenTokens(
                Tensor(images.images, Shape(images.shape)), frozen, blocks: blocks, engine: subject.engine)
            let own = images.samples.map { training.label($0) ?? 0 }
            var inputs: [FrozenTokens.Part: Tensor] = [:]
            for place in candidates.indices {
                let part = candidates[place].input
                let input = inputs[part] ?? tokens(part, engine: subject.engine)
                inputs[part] = input
                let candidate = candidates[place]
                (candidates[place].head, candidates[place].taker) = candidate.head.stepped(
                    by: candidate.taker, input, own, subject.engine)
            }
            subject.onProgress("\(name): steps", step + 1, steps)
        }
        var validation: [Double] = []
        if isChoosing {
            let tenth = PartOfSource(subject.train, split.validation)
            validation = try outcomes(candidates, tenth, frozen, subject, "\(name): choosing").map(Ranking.share)
        }
        let chosen = groups.map { group in
            let members = candidates.indices.filter { candidates[$0].group == group }
            guard isChoosing else { return members[0] }
            return members.reduce(members[0]) { validation[$1] > validation[$0] ? $1 : $0 }
        }
        let hits = try outcomes(chosen.map { candidates[$0] }, subject.test, frozen, subject, "\(name): scoring")
        return zip(groups, zip(chosen, hits)).map { group, result in
            let (place, outcomes) = result
            let rows = candidates.indices.filter { candidates[$0].group == group }.map { member in
                JSONValue.object(
                    candidates[member].settings + (isChoosing ? [("accuracy", JSONValue(validation[member]))] : []))
            }
            return ProbeScore(
                name: group.isEmpty ? name : "\(name), \(group)", outcomes: outcomes,
                chosen: .object(
                    candidates[place].settings + [
                        ("steps", JSONValue(steps)), ("batch_size", JSONValue(batch)),
                        ("augmentation", JSONValue("random resized crop 0.08 to 1, flip")),
                        ("selected_on", JSONValue(isChoosing ? "held-out tenth" : "nothing")),
                        ("validation", JSONValue(rows)), ("unreadable_replaced", JSONValue(loader.unreadable.count)),
                    ]), train: training.count)
        }
    }

    /// Which pictures of a source each head gets right.
    private func outcomes(
        _ candidates: [Candidate], _ source: any ImageSource, _ frozen: ProbeSubject.FrozenEncoder,
        _ subject: ProbeSubject, _ what: String
    ) throws -> [[Bool]] {
        let blocks = candidates.map(\.input.blocks).max() ?? 1
        return try subject.outcomes(of: source, for: frozen, classifiers: candidates.count, what) { images in
            let tokens = FrozenTokens(images, frozen, blocks: blocks, engine: subject.engine)
            var inputs: [FrozenTokens.Part: Tensor] = [:]
            return candidates.map { candidate in
                let input = inputs[candidate.input] ?? tokens(candidate.input, engine: subject.engine)
                inputs[candidate.input] = input
                return candidate.head.logits(input, engine: subject.engine)
            }
        }
    }
}

/// Rows that protocols with heads share.
extension HeadContest {
    static func batchField<Options: RecipeSection>(
        _ path: any WritableKeyPath<Options, Int> & Sendable
    ) -> Field<Options> {
        Field("batch_size", path, in: .closed(2...1 << 16), "Pictures a step; at most a quarter of all are taken.")
    }

    static func ratesField<Options: RecipeSection>(
        _ path: any WritableKeyPath<Options, [Double]> & Sendable
    ) -> Field<Options> {
        Field(
            "learning_rates", path, in: .list(1...64, of: .above(0, upTo: 1e6)),
            "Learning rates for 256 pictures, among which one is chosen.")
    }

    static func decaysField<Options: RecipeSection>(
        _ path: any WritableKeyPath<Options, [Double]> & Sendable
    ) -> Field<Options> {
        Field(
            "weight_decays", path, in: .list(1...64, of: .closed(0...1000)), "Weight decays among which one is chosen.")
    }
}

/// The labels of both parts of a subject, and how many classes there are.
struct PartLabels {
    let train: [Int]
    let classes: Int

    init(_ subject: ProbeSubject) throws {
        train = try Self.labels(subject.train, "training")
        _ = try Self.labels(subject.test, "test")
        classes = max((train.max() ?? 0) + 1, subject.train.labelNames?.count ?? 0)
        guard Set(train).count > 1 else {
            throw EvaluationError("the training part has one class; a probe needs at least two")
        }
    }

    private static func labels(_ source: any ImageSource, _ part: String) throws -> [Int] {
        try (0..<source.count).map { sample in
            guard let label = source.label(sample), label >= 0, label < 1_000_000 else {
                throw EvaluationError(
                    "the picture `\(source.key(sample))` of the \(part) part has no label from 0 to 999999")
            }
            return label
        }
    }
}
