import EncoderFiles
import Foundation
import ImageData
import Optimizers
import PretrainingMethods
import RecipeSchema
import VisionTransformers

/// A plan in the making: the shipped recipe of a method, changed row by row, each change with its reason.
struct PlanDraft {
    private let request: PlanRequest
    private var json: JSONValue
    private var choices: [RunPlan.Choice] = []
    private var findings: [String] = []

    /// Begins with the shipped recipe of the method.
    init(_ request: PlanRequest) throws {
        guard pretrainingMethods.named(request.method) != nil else {
            let names = pretrainingMethods.map { $0.name }.joined(separator: ", ")
            throw RunError(.usage, "there is no method \(request.method.shown); there are \(names)")
        }
        guard let shipped = RecipeLibrary.shipped().first(where: { $0.name == "\(request.method).json" }) else {
            throw RunError(
                .missing,
                "no recipe \(request.method).json is shipped with this program or stands in ./recipes, and a plan begins with it"
            )
        }
        self.request = request
        json = try JSONParser.parse(try RecipeLibrary.bytes(shipped.path))
        var source = DataOptions()
        source.source = request.source
        try json.set("name=\(JSONValue(request.name).text())")
        try json.set("data.source=\((source.encoded["source"] ?? .null).text())")
        do {
            for change in request.changes { try json.set(change) }
        } catch {
            throw RunError(.usage, "\(error)")
        }
        var problems: [Problem] = []
        json.change("train") { TrainOptions.modernize(&$0, usual: CosineOptions.name, &problems) }
        if let problem = problems.first { throw RunError(.usage, "\(problem.path) \(problem.message)") }
        choices.append(
            .init(
                what: "method", value: request.method, reason: "with the options of recipes/\(shipped.name)",
                origin: .asked))
    }

    /// The recipe as it stands.
    func recipe() throws -> Recipe {
        do {
            return try Recipe.parse(Array(json.text().utf8))
        } catch let problems as Problems {
            throw RunError(
                .usage,
                "no plan for \(request.method) and these pictures: "
                    + problems.list.map { "\($0.path): \($0.message)" }.joined(separator: "; "))
        }
    }

    /// True where the caller has set a value, or one inside of it: it stays.
    func isFixed(_ path: String) -> Bool {
        request.changes.contains { change in
            let key = TrainOptions.modernPath(String(change.prefix { $0 != "=" }))
            return key == path || path.hasPrefix("\(key).") || key.hasPrefix("\(path).")
        }
    }

    private mutating func set(_ path: String, _ value: JSONValue) throws {
        guard !isFixed(path) else { return }
        try json.set("\(path)=\(value.text())")
    }

    private mutating func choose(
        _ path: String, _ value: JSONValue, _ reason: String, _ origin: RunPlan.Origin
    ) throws {
        guard !isFixed(path) else { return }
        try json.set("\(path)=\(value.text())")
        choices.append(.init(what: path, value: value.text(), reason: reason, origin: origin))
    }

    // MARK: - Pictures

    /// What the pictures decide: bands, and whether they can be used at all.
    mutating func choosePictures(_ survey: SourceSummary, of source: any ImageSource) throws {
        guard let heights = survey.heights, let widths = survey.widths else {
            let first = survey.unreadable.first
            throw RunError(
                .data,
                "none of \(survey.count) pictures can be read; the first, \(first?.key ?? ""): \(first?.error.message ?? "")"
            )
        }
        let types = survey.numberTypes.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
        func sides(_ range: ClosedRange<Int>) -> String {
            range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
        }
        findings.append(
            "\(source.count) pictures; \(survey.count) looked at: \(sides(heights)) pixels high, \(sides(widths)) wide, "
                + types.joined(separator: ", "))
        // Training takes pictures with numbers that are not finite for unreadable ones.
        let unusable = survey.unreadable.count + survey.notFinite.pictures
        if unusable > 0 {
            if !survey.unreadable.isEmpty {
                let names = survey.unreadable.prefix(3).map { "`\($0.key)` (\($0.error.message))" }
                findings.append(
                    "\(survey.unreadable.count) of them cannot be read, such as \(names.joined(separator: ", "))")
            }
            let share = Double(unusable) / Double(survey.count)
            if share > 0.5 * DataOptions().corruptLimit {
                let limit = min(1, (share * 1.5 * 1000).rounded(.up) / 1000)
                try choose(
                    "data.corrupt_limit", JSONValue(limit), "so many are unreadable; a run replaces and lists them",
                    .pictures)
            }
        }
        findings += survey.warnings
        let kinds = survey.channelCounts.keys.sorted()
        let channels: Int
        switch kinds {
        case [1, 3]: channels = 3
        case let one where one.count == 1: channels = one[0]
        default:
            let list = survey.channelCounts.sorted { $0.key < $1.key }.map { "\($0.value) of \($0.key)" }
            throw RunError(
                .data,
                "pictures of different numbers of bands are mixed: \(list.joined(separator: ", ")); put those of one kind into a "
                    + "folder of their own")
        }
        try choose(
            "model.channels", JSONValue(channels),
            kinds == [1, 3] ? "gray pictures among coloured ones become gray RGB" : "so many bands have the pictures",
            .pictures)
    }

    // MARK: - Sizes

    /// The size of the images and patches, or those of given weights.
    mutating func chooseSize(_ survey: SourceSummary, _ weights: EvaluatedEncoder?) throws {
        let side = survey.medianSide ?? PlanRules.smallestSide
        if let weights {
            var model = weights.recipe.model
            let bands = model.channels
            model.channels = try recipe().model.channels
            if model.channels != bands {
                findings.append(
                    "the weights are for other pictures: \(PatchKernel.change(from: bands, to: model.channels))")
            }
            let patch = model.patchSize
            let cells = min(max(side / patch, 4), 14)
            for row in model.encoded.members ?? [] { try set("model.\(row.name)", row.value) }
            choices.append(
                .init(
                    what: "model", value: "width \(model.width), \(model.depth) blocks, patches of \(patch)",
                    reason: "as \(request.weights ?? "") has it", origin: .asked))
            try choose(
                "data.image_size", JSONValue(cells * patch),
                "whole patches of the weights within the \(side) pixels of the short side in the middle", .pictures)
        } else {
            let size = PlanRules.size(ofPictures: side)
            try choose(
                "data.image_size", JSONValue(size.image),
                "the short side of the picture in the middle is \(side)"
                    + (size.image < side ? ", made smaller" : size.image > side ? ", made larger" : ""), .pictures)
            try choose(
                "model.patch_size", JSONValue(size.patch), "\(PlanRules.gridSide) x \(PlanRules.gridSide) patches",
                .rule)
        }
        if json["data"]?["crop_scale"]?.isNull == false {
            try choose(
                "data.crop_scale", JSONValue([JSONValue(PlanRules.smallestCrop), JSONValue(1)]),
                "larger crops learn faster",
                .rule)
        }
    }

    /// The encoder, and a decoder of half its width where the method has one.
    mutating func set(_ candidate: PlanRules.Candidate) throws {
        try set("model.width", JSONValue(candidate.width))
        try set("model.depth", JSONValue(candidate.depth))
        try set("model.heads", JSONValue(candidate.heads))
        for part in ["decoder", "predictor"] where json["method"]?["\(part)_width"]?.int != nil {
            try set("method.\(part)_width", JSONValue(candidate.decoderWidth))
            try set("method.\(part)_heads", JSONValue(candidate.heads))
        }
    }

    // MARK: - Optimisation

    /// Batch, rate and mask.
    mutating func chooseOptimisation(pictures: Int, continues: Bool) throws {
        let batch = PlanRules.batch(of: pictures)
        guard batch >= 2 else {
            throw RunError(
                .data, "one picture is not enough to learn from; two at least are needed, and thousands are better")
        }
        try choose(
            "train.batch_size", JSONValue(batch),
            batch == 64 ? "small batches make more of a short time" : "few pictures: more steps an epoch", .rule)
        // The rates of other methods stand in their recipes, found for them.
        guard request.method == "mae" else { return }
        let rate = PlanRules.baseLearningRate * (continues ? 0.25 : 1)
        try choose(
            "train.base_learning_rate", JSONValue(rate),
            continues ? "a quarter of the usual one: the weights have learnt already" : "for 256 pictures", .rule)
        try choose("mask.ratio", JSONValue(PlanRules.maskRatio), "as published", .rule)
    }

    /// Mean, deviation and range as they were found.
    mutating func keepConstants(_ data: DataOptions, notes: [String]) throws {
        func list(_ values: [Double]?) -> JSONValue { values.map { JSONValue($0.map { JSONValue($0) }) } ?? .null }
        try set("data.mean", list(data.mean))
        try set("data.std", list(data.deviation))
        if case .numbers(let low, let high) = data.valueRange {
            try set("data.value_range", JSONValue([JSONValue(low), JSONValue(high)]))
        }
        guard !isFixed("data.mean") else { return }
        choices.append(
            .init(
                what: "data.mean, data.std", value: spoken(data.mean ?? []),
                reason: notes.isEmpty ? "those of the card" : notes.joined(separator: "; "), origin: .pictures))
    }

    private func spoken(_ values: [Double]) -> String {
        values.prefix(4).map { String(format: "%.4g", $0) }.joined(separator: " ") + (values.count > 4 ? " …" : "")
    }

    // MARK: - Time

    /// The encoder and the epochs that end within the hours.
    mutating func finish(_ timings: [PlanTiming], pictures: Int) throws -> RunPlan {
        let train = try recipe().train
        let batch = train.effectiveBatch
        let stepsPerEpoch = pictures / batch
        let budget = request.hours * 3600
        let wanted = isFixed("train.epochs") ? train.epochs : nil
        let spans = timings.map { timing in
            PlanSpan(timing, stepsPerEpoch: stepsPerEpoch, budget: budget, epochs: wanted, most: train.maxSteps)
        }
        var chosen = 0
        if timings.count > 1 {
            let seen = spans.map { $0.steps * batch }
            chosen = wanted == nil ? PlanRules.encoder(seen) : spans.lastIndex { $0.seconds <= budget } ?? 0
            let candidate = PlanRules.encoders[chosen]
            try set(candidate)
            let others = zip(PlanRules.encoders, seen).map { "\($0.width) x \($0.depth): \(millions($1))" }
            choices.append(
                .init(
                    what: "model.width, model.depth", value: "\(candidate.width), \(candidate.depth)",
                    reason: wanted == nil
                        ? "the largest that sees \(millions(PlanRules.fewestSeen)) pictures in the time, or the smallest ("
                            + others.joined(separator: ", ") + ")"
                        : "the largest whose epochs end in the time, or the smallest", origin: .measured))
        }
        let (span, timing) = (spans[chosen], timings[chosen])
        if span.seconds > budget * 1.01 {
            findings.append(
                "\(span.epochs) epochs, as asked for, take \(SpokenTime.span(span.seconds)): more than the "
                    + "\(SpokenTime.span(budget)) that there are")
        }
        try choose(
            "train.epochs", JSONValue(span.epochs),
            span.isWhole
                ? "\(String(format: "%.3g", Double(batch) / timing.stepSeconds)) pictures a second here"
                : "not even one fits: it ends after \(span.steps) of \(stepsPerEpoch) steps", .measured)
        if !span.isWhole { try set("train.max_steps", JSONValue(span.steps)) }
        let warmup = ((Double(span.epochs) * PlanRules.warmupShare) * 1000).rounded() / 1000
        try choose(
            "train.schedule.warmup_epochs", JSONValue(warmup),
            "\(Int(PlanRules.warmupShare * 100)) % of the run", .rule)
        try set("log.every_steps", JSONValue(max(1, span.steps / 200)))
        try set("log.checkpoint_every_epochs", JSONValue(span.checkpointEveryEpochs))
        let numbers = Double(timing.parameterCount) * 4
        return RunPlan(
            recipe: json, choices: choices, findings: findings, seconds: span.seconds, memory: timing.peakMemory,
            disk: Int(numbers * Double(3 * (try recipe().log.keep + 1) + 1)),
            expectation: PlanEvidence.expectation(operations: timing.operations * Double(span.steps)))
    }

    private func millions(_ count: Int) -> String { String(format: "%.2g million", Double(count) / 1e6) }
}

/// Epochs that fit into a time.
private struct PlanSpan {
    var epochs: Int
    var steps: Int
    var seconds: Double
    var isWhole: Bool
    var checkpointEveryEpochs: Int

    /// Seconds of launching, opening the pictures, and looking at features before the first step.
    private static let startSeconds = 6.0
    /// What looking at features and logging add to a step.
    private static let beside = 1.03
    /// Seconds between checkpoints, and of one.
    private static let (checkpointInterval, checkpointSeconds) = (60.0, 0.5)

    /// The span of a time; with `epochs` or `most` steps the span of these, whatever time they take.
    init(_ timing: PlanTiming, stepsPerEpoch: Int, budget: Double, epochs wanted: Int?, most: Int?) {
        let step = timing.stepSeconds * Self.beside * (1 + Self.checkpointSeconds / Self.checkpointInterval)
        let left = max(step, budget - Self.startSeconds)
        let fitting = Int(min(left / step, 1e12))
        isWhole = wanted != nil || fitting >= stepsPerEpoch
        epochs = wanted ?? min(max(1, fitting / stepsPerEpoch), PlanRules.mostEpochs)
        let (whole, overflows) = epochs.multipliedReportingOverflow(by: stepsPerEpoch)
        steps = min(isWhole ? overflows ? .max : whole : max(1, fitting), most ?? .max)
        seconds = Self.startSeconds + Double(steps) * step
        checkpointEveryEpochs = max(1, Int(Self.checkpointInterval / (step * Double(stepsPerEpoch))))
    }
}
