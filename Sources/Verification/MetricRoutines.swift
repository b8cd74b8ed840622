import Autodiff
import Checkpoints
import Evaluation
import RecipeSchema

/// Figures of classifiers and of features.
let metricRoutines: [GoldenRoutine] = [
    GoldenRoutine(["evaluation"], "metrics", metrics),
    GoldenRoutine(["evaluation"], "pca", principalComponents),
    GoldenRoutine(["evaluation"], "spectrum", spectrum),
    GoldenRoutine(["evaluation"], "gaussian-anomaly", anomalyScores),
    GoldenRoutine(["evaluation"], "ridge-classifier", ridge),
]

private func one(_ value: Double) -> GoldenValue { GoldenValue([value], [1]) }

extension GoldenCase {
    /// A matrix of at least two rows of finite numbers.
    fileprivate func matrix(_ name: String) throws -> (values: [Double], rows: Int, width: Int) {
        let tensor = try tensor(name, axes: 2)
        let values = tensor.doubles()
        try CaseBounds.require(
            tensor.shape[0] >= 2 && tensor.shape[1] <= 1024 && values.allSatisfy { abs($0) <= 1e6 },
            "\"\(name)\" is no matrix of at least two rows and at most 1024 columns of numbers to a million")
        return (values, tensor.shape[0], tensor.shape[1])
    }
}

private func metrics(_ golden: GoldenCase) throws -> GoldenOutcome {
    let (logits, rows, classes) = try golden.matrix("in/logits")
    let labels = try golden.labels("in/labels", classes: classes, count: rows)
    let bins = try golden.integer("options.ece_bins", in: 1...1000)
    let metrics = ClassificationMetrics(scores: logits, classes: classes, labels: labels)
    let agreement = Agreement(metrics.confusion, columns: classes)
    let calibration = metrics.calibration(bins: bins)
    var outcome = GoldenOutcome([
        "out/predictions": GoldenValue(metrics.predictions, [rows]),
        "out/confusion": GoldenValue(metrics.confusion, [classes, classes]),
        "out/per_class_accuracy": GoldenValue(metrics.recall.map { $0 ?? -1 }, [classes]),
        "out/per_class_precision": GoldenValue(metrics.precision, [classes]),
        "out/per_class_f1": GoldenValue(metrics.f1, [classes]),
        "out/ece_bins": GoldenValue(
            calibration.flatMap { [Double($0.count), $0.confidence, $0.accuracy] }, [bins, 3]),
        "out/top1": one(metrics.accuracy()), "out/top5": one(metrics.accuracy(ranks: 5)),
        "out/mean_per_class_accuracy": one(metrics.meanRecall),
        "out/macro_f1_present": one(metrics.meanF1OfPresent), "out/macro_f1_all": one(metrics.meanF1),
        "out/nll": one(metrics.logLoss), "out/brier": one(metrics.brier),
        "out/ece\(bins)": one(metrics.calibrationError(bins: bins)), "out/cohen_kappa": one(agreement.kappa),
        "out/mcc": one(agreement.correlation), "out/nmi": one(agreement.mutualInformation),
        "out/ari": one(agreement.adjustedRand),
    ])
    for label in 0..<classes where golden.tensors["out/auroc_class\(label)"] != nil {
        let scores = (0..<rows).map { logits[$0 * classes + label] }
        guard let detection = Detection(scores, anomalous: labels.map { $0 == label }) else {
            throw GoldenError("class \(label) has no rows, or all of them")
        }
        outcome.values["out/auroc_class\(label)"] = one(detection.areaUnderCurve)
        outcome.values["out/average_precision_class\(label)"] = one(detection.averagePrecision)
    }
    return outcome
}

private func principalComponents(_ golden: GoldenCase) throws -> GoldenOutcome {
    let (values, rows, width) = try golden.matrix("in/features")
    let kept = try golden.integer("options.components", in: 1...min(rows, width))
    let components = PrincipalComponents(values, rows: rows, width: width)
    let scores = components.projected(values, on: 0..<kept)
    let deviations = components.variances.map { $0.squareRoot() }
    return GoldenOutcome([
        "out/mean": GoldenValue(components.mean, [width]),
        "out/explained_variance": GoldenValue(Array(components.variances[..<kept]), [kept]),
        "out/explained_variance_ratio": GoldenValue(Array(components.explained[..<kept]), [kept]),
        "out/components": GoldenValue((0..<kept).flatMap { components.direction($0) }, [kept, width]),
        "out/scores": GoldenValue(scores, [rows, kept]),
        "out/whitened": GoldenValue(scores.indices.map { scores[$0] / deviations[$0 % kept] }, [rows, kept]),
    ])
}

private func spectrum(_ golden: GoldenCase) throws -> GoldenOutcome {
    let options = try golden.value("options")
    func ranks(of set: String) throws -> ClosedRange<Int> {
        let table = options["alpha_req_ranks"]
        let list = (table?[set] ?? table?["default"])?.array?.compactMap(\.int) ?? []
        try CaseBounds.require(
            list.count == 2 && list[0] >= 1 && list[1] > list[0], "\"options.alpha_req_ranks\" holds no range of ranks")
        return list[0]...list[1]
    }
    var outcome = GoldenOutcome()
    for (set, _) in golden.tensors(under: "in/") where set != "views" {
        let (values, rows, width) = try golden.matrix("in/\(set)")
        let spectrum = FeatureSpectrum(values, rows: rows, width: width)
        func add(_ name: String, _ value: Double) { outcome.values["out/\(set)/\(name)"] = one(value) }
        outcome.values["out/\(set)/singular_values"] = GoldenValue(
            spectrum.singularValues, [spectrum.singularValues.count])
        outcome.values["out/\(set)/covariance_eigenvalues"] = GoldenValue(
            spectrum.covarianceEigenvalues, [spectrum.covarianceEigenvalues.count])
        add("rankme", spectrum.rankMe)
        add("rankme_centred", spectrum.centredRankMe)
        add("effective_rank", spectrum.effectiveRank)
        add("covariance_entropy_rank", spectrum.covarianceRank)
        add("participation_ratio", spectrum.participationRatio)
        add("relative_variance", spectrum.relativeVariance)
        add("std_unit", spectrum.unitDeviation / Double(width).squareRoot())
        add("std_unit_times_sqrt_d", spectrum.unitDeviation)
        add("mean_cosine", spectrum.meanCosine)
        add("uniformity_t2", FeatureGeometry.uniformity(values, rows: rows, width: width))
        add("feature_std_mean", spectrum.deviations.reduce(0, +) / Double(width))
        add("dead_dimensions", Double(spectrum.deviations.count { $0 < 1e-8 }))
        guard let decay = spectrum.decay(ranks: try ranks(of: set)) else {
            throw GoldenError("\"in/\(set)\" has no eigenvalues at the ranks of \"options.alpha_req_ranks\"")
        }
        outcome.values["out/\(set)/alpha_req"] = GoldenValue([decay.alpha, decay.intercept], [2])
    }
    guard golden.tensors["in/views"] != nil else { return outcome }
    let (views, rows, width) = try golden.matrix("in/views")
    let objects = try golden.integer("options.lidar.objects", in: 2...rows)
    let each = try golden.integer("options.lidar.views", in: 2...rows)
    try CaseBounds.require(rows == objects * each, "\"in/views\" has no \(each) rows for each of \(objects) objects")
    guard
        let lidar = FeatureGeometry.lidar(
            views, width: width, objects: objects, views: each,
            delta: try golden.number("options.lidar.delta", in: 0...1e6),
            epsilon: try golden.number("options.lidar.epsilon", in: 0...1))
    else { throw GoldenError("the covariance of \"in/views\" within objects is singular") }
    outcome.values["out/lidar"] = one(lidar.value)
    outcome.values["out/lidar_eigenvalues"] = GoldenValue(lidar.eigenvalues, [width])
    return outcome
}

private func anomalyScores(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let (train, rows, width) = try golden.matrix("in/train")
    let inliers = try golden.matrix("in/inliers")
    let outliers = try golden.matrix("in/outliers")
    let labels = try golden.integers("in/train_labels")
    let classes = (labels.max() ?? 0) &+ 1
    try CaseBounds.require(
        inliers.width == width && outliers.width == width && labels.count == rows && (1...rows).contains(classes)
            && Set(labels) == Set(0..<classes),
        "\"in/train\", \"in/inliers\", \"in/outliers\" and \"in/train_labels\" do not fit together")
    let neighbours = try golden.integer("options.knn_k", in: 1...rows)
    guard let all = GaussianAnomaly(train, rows: rows, width: width),
        let byClass = ClassGaussians(train, width: width, labels: labels, classes: classes)
    else { throw GoldenError("a covariance of \"in/train\" is singular") }
    let test = inliers.values + outliers.values
    let scores = [
        ("global", all.squaredDistances(test)), ("class", byClass.squaredDistances(test)),
        ("relative", byClass.relativeDistances(test)),
        (
            "knn",
            FeatureGeometry.neighbourDistances(
                test.map { Float($0) }, among: train.map { Float($0) }, width: width, count: neighbours, on: engine)
        ),
    ]
    var outcome = GoldenOutcome([
        "out/mean": GoldenValue(all.mean, [width]), "out/covariance": GoldenValue(all.covariance, [width, width]),
        "out/shrinkage": one(all.shrinkage), "out/class_means": GoldenValue(byClass.means, [classes, width]),
        "out/within_covariance": GoldenValue(byClass.covariance, [width, width]),
    ])
    var figures: [Double] = []
    let anomalous = (0..<inliers.rows + outliers.rows).map { $0 >= inliers.rows }
    for (name, values) in scores {
        outcome.values["out/score_\(name)"] = GoldenValue(values, [values.count])
        guard let detection = Detection(values, anomalous: anomalous) else {
            throw GoldenError("the scores \"\(name)\" are not numbers")
        }
        figures += [
            detection.areaUnderCurve, detection.averagePrecision, detection.falseAlarms, detection.threshold,
        ]
    }
    outcome.values["out/auroc_ap_fpr95_threshold"] = GoldenValue(figures, [scores.count, 4])
    return outcome
}

private func ridge(_ golden: GoldenCase, _ engine: Engine) throws -> GoldenOutcome {
    let data = try LabelledFeatures(golden)
    let penalties = try numbers(golden, "options.alpha")
    try CaseBounds.require(
        penalties.count <= CaseBounds.steps && penalties.allSatisfy { (1e-6...1e9).contains($0) },
        "\"options.alpha\" are not numbers from 1e-6 to 1e9")
    let problem = RidgeClassifier(
        data.train, features: data.dimension, labels: data.trainLabels, classes: data.classes, on: engine)
    let models = try penalties.map { penalty in
        guard let model = problem.solve(alpha: penalty) else { throw GoldenError("no solution at alpha \(penalty)") }
        return model
    }
    let predictions = models.flatMap { Ranking.best(problem.scores($0, data.test), classes: data.classes) }
    let (n, k, d) = (penalties.count, data.classes, data.dimension)
    return GoldenOutcome([
        "out/coef": GoldenValue(models.flatMap(\.weights), [n, k, d]),
        "out/intercept": GoldenValue(models.flatMap(\.intercepts), [n, k]),
        "out/predictions": GoldenValue(predictions, [n, data.testCount]),
    ])
}
