import Autodiff
import Checkpoints
import Evaluation
import RecipeSchema

/// Probes of frozen features, and intervals.
let evaluationRoutines: [GoldenRoutine] = [
    GoldenRoutine(["evaluation"], "fewshot-lsr", fewShot),
    GoldenRoutine(["evaluation"], "knn", nearestNeighbours),
    GoldenRoutine(["evaluation"], "logreg", logisticRegression),
    GoldenRoutine(["evaluation"], "probe-mae", batchNormProbe),
    GoldenRoutine(["evaluation"], "uncertainty", uncertainty),
    GoldenRoutine(["mae", "evaluation"], "linprobe_steps", linearProbeSteps),
]

/// Features and labels of a classification case.
struct LabelledFeatures {
    let train: [Float]
    let test: [Float]
    let dimension: Int
    let trainLabels: [Int]
    let testLabels: [Int]
    let classes: Int
    let testCount: Int

    init(_ golden: GoldenCase) throws {
        let stored = try golden.tensor("in/train")
        dimension = try width(of: stored, "in/train")
        train = stored.floats()
        test = try golden.tensor("in/test").floats()
        testCount = test.count / dimension
        trainLabels = try golden.integers("in/train_labels")
        testLabels = golden.tensors["in/test_labels"] == nil ? [] : try golden.integers("in/test_labels")
        classes =
            golden.json["options"]?["classes"]?.int ?? (trainLabels + testLabels).reduce(0) { max($0, $1 + 1) }
        let labels = trainLabels + testLabels
        guard !trainLabels.isEmpty, trainLabels.count * dimension == train.count, testCount * dimension == test.count,
            testLabels.isEmpty || testLabels.count == testCount, (1...1000).contains(classes),
            (train + test).allSatisfy({ abs($0) <= 1e6 }),
            labels.allSatisfy({ (0..<classes).contains($0) })
        else { throw GoldenError("features, labels and classes do not fit together") }
    }

    /// Share of the test labels that the predictions hit.
    func accuracy(_ predictions: [Int]) -> Double { Ranking.share(zip(predictions, testLabels).map { $0 == $1 }) }
}

/// Features of a matrix.
private func width(of tensor: StoredTensor, _ name: String) throws -> Int {
    guard tensor.shape.count == 2, tensor.shape[1] > 0 else { throw GoldenError("\"\(name)\" is no matrix") }
    return tensor.shape[1]
}

/// A number or a list of numbers among the options.
func numbers(_ golden: GoldenCase, _ path: String) throws -> [Double] {
    let value = try golden.value(path)
    let list = (value.array ?? [value]).compactMap(\.double)
    guard !list.isEmpty else { throw GoldenError("\"\(path)\" is no list of numbers") }
    return list
}

private func fewShot(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let data = try LabelledFeatures(golden)
    let selected = try golden.integers("in/selected")
    guard !selected.isEmpty, selected.allSatisfy({ data.trainLabels.indices.contains($0) }) else {
        throw GoldenError("\"in/selected\" names rows that are not there")
    }
    let penalties = try numbers(golden, "options.l2")
    let few = selected.flatMap { data.train[($0 * data.dimension)..<(($0 + 1) * data.dimension)] }
    let classifier = LeastSquaresClassifier(
        few, features: data.dimension, labels: selected.map { data.trainLabels[$0] }, classes: data.classes,
        constant: golden.number("options.bias_constant", default: 100),
        epsilon: golden.number("options.std_epsilon", default: 1e-5), on: engine)
    var weights: [Double] = []
    var scores: [Double] = []
    for penalty in penalties {
        guard let solution = classifier.weights(l2: penalty) else { throw GoldenError("no solution at l2 \(penalty)") }
        weights += solution
        scores += classifier.scores(solution, data.test)
    }
    let predictions = Ranking.best(scores, classes: data.classes)
    let accuracies = penalties.indices.map {
        data.accuracy([Int](predictions[($0 * data.testCount)..<(($0 + 1) * data.testCount)]))
    }
    let (n, k, d) = (penalties.count, data.classes, data.dimension)
    return GoldenOutcome([
        "out/mean": GoldenValue(classifier.standardisation.mean, [d]),
        "out/std": GoldenValue(classifier.standardisation.scale, [d]),
        "out/weights": GoldenValue(weights, [n, d + 1, k]),
        "out/scores": GoldenValue(scores, [n, data.testCount, k]),
        "out/predictions": GoldenValue(predictions, [n, data.testCount]),
        "out/accuracy": GoldenValue(accuracies, [n]),
    ])
}

private func nearestNeighbours(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let data = try LabelledFeatures(golden)
    let option = try golden.value("options.k")
    let counts = (option.array ?? [option]).compactMap(\.int)
    let temperature = try golden.number("options.temperature")
    guard let most = counts.max(), counts.allSatisfy({ $0 >= 1 }) else {
        throw GoldenError("\"options.k\" holds no integers ≥ 1")
    }
    let found = NearestNeighbours(of: data.test, among: data.train, features: data.dimension, count: most, on: engine)
    let (m, classes) = (data.testCount, data.classes)
    var outcome = GoldenOutcome([
        "out/neighbours": GoldenValue(found.rows, [m, found.count]),
        "out/similarities": GoldenValue(found.similarities, [m, found.count]),
    ])
    for k in counts {
        let kept = min(k, found.count)
        func first<Value>(_ values: [Value]) -> [Value] {
            (0..<m).flatMap { values[($0 * found.count)..<($0 * found.count + kept)] }
        }
        outcome.values["out/neighbours_k\(k)"] = GoldenValue(first(found.rows), [m, kept])
        outcome.values["out/similarities_k\(k)"] = GoldenValue(first(found.similarities), [m, kept])
        let votes = found.votes(k: k, labels: data.trainLabels, classes: classes, temperature: temperature)
        let uniform = found.votes(k: k, labels: data.trainLabels, classes: classes, temperature: nil)
        outcome.values["out/votes_k\(k)"] = GoldenValue(votes, [m, classes])
        outcome.values["out/uniform_votes_k\(k)"] = GoldenValue(uniform, [m, classes])
        outcome.values["out/predictions_k\(k)"] = GoldenValue(Ranking.best(votes, classes: classes), [m])
        guard !data.testLabels.isEmpty else { continue }
        for (name, ranks) in [("top1", 1), ("top5", min(5, k))] {
            let hits = Ranking.hits(votes, classes: classes, labels: data.testLabels, ranks: ranks)
            outcome.values["out/\(name)_k\(k)"] = GoldenValue([Ranking.share(hits)], [1])
        }
    }
    return outcome
}

/// The softmax form for each C, and the one-vector form of two classes.
private func logisticRegression(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let data = try LabelledFeatures(golden)
    let penalties = try numbers(golden, "options.C")
    try CaseBounds.require(
        penalties.count <= CaseBounds.steps && penalties.allSatisfy { (1e-3...1e3).contains($0) },
        "\"options.C\" are not numbers from 0.001 to 1000")
    try CaseBounds.require(
        data.classes <= data.trainLabels.count, "\(data.classes) classes of \(data.trainLabels.count) training rows")
    let problem = SoftmaxRegression(
        data.train, features: data.dimension, labels: data.trainLabels, classes: data.classes,
        sampleWeights: try sampleWeights(golden, data), on: engine)
    let (n, k, d, m) = (penalties.count, data.classes, data.dimension, data.testCount)
    var outcome = GoldenOutcome()
    func solve(_ factor: Double) -> [SoftmaxRegression.Model] {
        penalties.map { problem.solve(C: $0 * factor, tolerance: 1e-12) }
    }
    let models = solve(1)
    let forms = models.map { Form($0.weights, classes: k, features: d) }
    for prefix in ["out/", "out/softmax_"] {
        outcome.values[prefix + "coef"] = GoldenValue(forms.flatMap(\.coefficients), [n, k, d])
        outcome.values[prefix + "intercept"] = GoldenValue(forms.flatMap(\.intercepts), [n, k])
        outcome.values[prefix + "objective"] = GoldenValue(models.map(\.objective), [n])
    }
    let probabilities = models.map { model in
        SoftmaxRegression.probabilities(model.weights, classes: k, data.test, features: d, on: engine)
    }
    let predictions = probabilities.map { Ranking.best($0, classes: k) }
    outcome.values["out/probabilities"] = GoldenValue(probabilities.flatMap { $0 }, [n, m, k])
    outcome.values["out/predictions"] = GoldenValue(predictions.flatMap { $0 }, [n, m])
    outcome.values["out/accuracy"] = GoldenValue(predictions.map(data.accuracy), [n])
    if k == 2 {
        let models = solve(0.5)
        let forms = models.map { Form($0.weights, classes: 2, features: d) }
        outcome.values["out/binary_coef"] = GoldenValue(
            forms.flatMap { form in (0..<d).map { form.coefficients[d + $0] - form.coefficients[$0] } }, [n, d])
        outcome.values["out/binary_intercept"] = GoldenValue(forms.map { $0.intercepts[1] - $0.intercepts[0] }, [n])
        outcome.values["out/binary_objective"] = GoldenValue(models.map { 2 * $0.objective }, [n])
    }
    return outcome
}

/// Weights without the intercept column, and the intercepts shifted to mean 0.
private struct Form {
    let coefficients: [Double]
    let intercepts: [Double]

    init(_ weights: [Double], classes: Int, features: Int) {
        let width = features + 1
        coefficients = (0..<classes).flatMap { weights[($0 * width)..<($0 * width + features)] }
        let raw = (0..<classes).map { weights[$0 * width + features] }
        let mean = raw.reduce(0, +) / Double(classes)
        intercepts = raw.map { $0 - mean }
    }
}

/// The weights that a case gives its samples: its own, "balanced", a list by class, or none.
private func sampleWeights(_ golden: GoldenCase, _ data: LabelledFeatures) throws -> [Double]? {
    for name in ["in/sample_weight", "in/sample_weights"] {
        if let tensor = golden.tensors[name] { return tensor.doubles() }
    }
    guard let option = golden.json["options"]?["class_weight"], !option.isNull else { return nil }
    if option.string == "balanced" { return SoftmaxRegression.balancedWeights(data.trainLabels) }
    guard let list = option.array?.compactMap(\.double), list.count == data.classes else {
        throw GoldenError("\"options.class_weight\" is neither null, \"balanced\" nor a number a class")
    }
    return data.trainLabels.map { list[$0] }
}

private func uncertainty(_ golden: GoldenCase) throws -> GoldenOutcome {
    let a = try golden.integers("in/correct_a").map { $0 != 0 }
    let b = try golden.integers("in/correct_b").map { $0 != 0 }
    let indices = try golden.integers("draw/indices")
    guard a.count == b.count, !a.isEmpty, indices.allSatisfy({ a.indices.contains($0) }),
        indices.count % a.count == 0
    else { throw GoldenError("outcomes and indices do not fit together") }
    let level = golden.number("options.level", default: 0.95)
    let means = Uncertainty.bootstrapMeans(a.map { $0 ? 1 : 0 }, indices: indices)
    let differences = Uncertainty.bootstrapMeans(zip(a, b).map { ($1 ? 1 : 0) - ($0 ? 1 : 0) }, indices: indices)
    let hits = a.count { $0 }
    let percentile = Uncertainty.percentile(means, level: level)
    let difference = Uncertainty.percentile(differences, level: level)
    let wilson = Uncertainty.wilson(hits: Double(hits), trials: a.count, level: level)
    let paired = Uncertainty.mcNemar(a, b)
    let runs = Uncertainty.runs(try golden.tensor("in/runs").doubles(), level: level)
    return GoldenOutcome([
        "out/accuracy": GoldenValue([Ranking.share(a), Ranking.share(b)], [2]),
        "out/bootstrap_means_a": GoldenValue(means, [means.count]),
        "out/percentile_a": GoldenValue([percentile.low, percentile.high], [2]),
        "out/standard_error_a": GoldenValue([Uncertainty.runs(means).deviation], [1]),
        "out/percentile_difference": GoldenValue([difference.low, difference.high], [2]),
        "out/wilson_a": GoldenValue([wilson.low, wilson.high], [2]),
        "out/mcnemar": GoldenValue([Double(paired.onlyB), Double(paired.onlyA), paired.p], [3]),
        "out/runs_mean_std_half": GoldenValue([runs.mean, runs.deviation, runs.halfWidth], [3]),
    ])
}
