import Checkpoints
import Evaluation
import Foundation
import ImageMasking
import RecipeSchema

/// Diagnostics of encoders and of frozen features.
let diagnosticRoutines: [GoldenRoutine] = [
    GoldenRoutine(["diagnostics"], "ranks", ranks),
    GoldenRoutine(["diagnostics"], "massive-activations", massiveActivations),
    GoldenRoutine(["diagnostics"], "activation-sparsity", activationSparsity),
    GoldenRoutine(["diagnostics"], "attention", attentionMaps),
    GoldenRoutine(["diagnostics"], "eigen-cam", eigenCAM),
    GoldenRoutine(["diagnostics"], "gaussian-anomaly", gaussianAnomaly),
]

private func scalar(_ value: Double) -> GoldenValue { GoldenValue([value], []) }

private func ranks(_ golden: GoldenCase) throws -> GoldenOutcome {
    let z = try golden.tensor("in/z", axes: 2)
    try CaseBounds.require(z.shape[0] >= 2, "\"in/z\" has fewer than two rows")
    let spectrum = FeatureSpectrum(z.doubles(), rows: z.shape[0], width: z.shape[1])
    return GoldenOutcome([
        "out/singular_values": GoldenValue(spectrum.singularValues, [spectrum.singularValues.count]),
        "out/rankme": scalar(spectrum.rankMe), "out/effective_rank": scalar(spectrum.effectiveRank),
        "out/effective_rank_centred": scalar(spectrum.centredEffectiveRank),
        "out/participation_ratio": scalar(spectrum.participationRatio), "out/stable_rank": scalar(spectrum.stableRank),
    ])
}

private func massiveActivations(_ golden: GoldenCase) throws -> GoldenOutcome {
    let x = try golden.tensor("in/x", axes: 3)
    try CaseBounds.require(x.shape[1] * x.shape[2] >= 3, "\"in/x\" has fewer than three numbers a picture")
    let massive = MassiveActivations(x.doubles(), pictures: x.shape[0], tokens: x.shape[1], width: x.shape[2])
    return GoldenOutcome([
        "out/top3": GoldenValue(massive.top3, [3]), "out/median": scalar(massive.median),
        "out/max_to_median": scalar(massive.maxToMedian),
        "out/massive_count": GoldenValue(massive.counts, [massive.counts.count]),
        "out/argmax_token_channel": GoldenValue(
            massive.places.flatMap { [$0.token, $0.channel] }, [massive.places.count, 2]),
    ])
}

private func activationSparsity(_ golden: GoldenCase) throws -> GoldenOutcome {
    let z = try golden.tensor("in/z", axes: 3)
    let units = z.shape[2]
    var outcome = GoldenOutcome()
    let activations: [(String, (Double) -> Double)] = [
        ("relu", { max($0, 0) }), ("gelu", { 0.5 * $0 * (1 + erf($0 / 2.0.squareRoot())) }),
    ]
    for (name, activation) in activations {
        let values = z.doubles().map(activation)
        let sparsity = ActivationSparsity(values, tokens: values.count / units, units: units)
        outcome.values["out/\(name)/positive_share"] = scalar(sparsity.positiveShare)
        outcome.values["out/\(name)/above_threshold_share"] = scalar(sparsity.aboveThresholdShare)
        outcome.values["out/\(name)/participation"] = scalar(sparsity.participation)
        outcome.values["out/\(name)/dead_unit_share"] = scalar(sparsity.deadUnitShare)
    }
    return outcome
}

private func attentionMaps(_ golden: GoldenCase) throws -> GoldenOutcome {
    let logits = try golden.tensor("in/logits", axes: 5)
    guard let grid = try golden.value("recipe.grid").array?.compactMap(\.int), grid.count == 2 else {
        throw GoldenError("recipe.grid is not two integers")
    }
    let hasClassToken = try golden.value("recipe.class_token").bool ?? true
    let cells = try CaseBounds.grid(grid[0], grid[1]).count
    try CaseBounds.require(
        logits.shape[3] == cells + (hasClassToken ? 1 : 0) && logits.shape[4] == logits.shape[3],
        "attention of shape \(logits.shape) is not that of a grid of \(grid)")
    let geometry = AttentionMaps.Geometry(
        rows: grid[0], columns: grid[1], patchSize: try golden.integer("recipe.patch_size"),
        prefix: hasClassToken ? 1 : 0)
    let (blocks, pictures, heads, tokens) = (logits.shape[0], logits.shape[1], logits.shape[2], logits.shape[3])
    var attention = logits.doubles()
    for start in stride(from: 0, to: attention.count, by: tokens) {
        let largest = attention[start..<start + tokens].max() ?? 0
        let weights = attention[start..<start + tokens].map { exp($0 - largest) }
        let sum = weights.reduce(0, +)
        for (place, weight) in weights.enumerated() { attention[start + place] = weight / sum }
    }
    let size = tokens * tokens
    func matrix(_ block: Int, _ picture: Int, _ head: Int) -> [Double] {
        let start = ((block * pictures + picture) * heads + head) * size
        return Array(attention[start..<start + size])
    }
    var distances: [Double] = []
    var unnormalised: [Double] = []
    var entropies: [Double] = []
    for block in 0..<blocks {
        for head in 0..<heads {
            let matrices = (0..<pictures).flatMap { matrix(block, $0, head) }
            distances.append(AttentionMaps.distance(matrices, geometry))
            unnormalised.append(AttentionMaps.distance(matrices, geometry, unnormalised: true))
            entropies.append(AttentionMaps.entropy(matrices, tokens: tokens))
        }
    }
    let rollouts = (0..<pictures).map { picture in
        AttentionMaps.rollout(
            (0..<blocks).map { block in (0..<heads).map { matrix(block, picture, $0) } }, tokens: tokens)
    }
    return GoldenOutcome([
        "out/distance": GoldenValue(distances, [blocks, heads]),
        "out/distance_unnormalised": GoldenValue(unnormalised, [blocks, heads]),
        "out/entropy": GoldenValue(entropies, [blocks, heads]),
        "out/rollout": GoldenValue(rollouts.flatMap { $0 }, [pictures, tokens, tokens]),
        "out/rollout_map": GoldenValue(
            rollouts.flatMap { AttentionMaps.rolloutMap($0, geometry) }, [pictures, grid[0], grid[1]]),
    ])
}

private func eigenCAM(_ golden: GoldenCase) throws -> GoldenOutcome {
    let x = try golden.tensor("in/x", axes: 3)
    guard let grid = try golden.value("recipe.grid").array?.compactMap(\.int), grid.count == 2 else {
        throw GoldenError("recipe.grid is not two integers")
    }
    let count = x.shape[1] * x.shape[2]
    let values = x.doubles()
    let maps = (0..<x.shape[0]).map {
        EigenCAM(Array(values[$0 * count..<($0 + 1) * count]), patches: x.shape[1], width: x.shape[2])
    }
    let shape = [x.shape[0], grid[0], grid[1]]
    return GoldenOutcome([
        "out/map": GoldenValue(maps.flatMap(\.map), shape), "out/display": GoldenValue(maps.flatMap(\.display), shape),
    ])
}

private func gaussianAnomaly(_ golden: GoldenCase) throws -> GoldenOutcome {
    let train = try golden.tensor("in/train", axes: 2)
    try CaseBounds.require(train.shape[0] >= 2, "\"in/train\" has fewer than two rows")
    let (rows, width) = (train.shape[0], train.shape[1])
    let normal = train.doubles()
    let test = try golden.tensor("in/test").doubles()
    try CaseBounds.require(
        (normal + test).allSatisfy(\.isFinite) && test.count % width == 0,
        "\"in/train\" and \"in/test\" do not hold rows of \(width) finite numbers")
    let anomalous = try golden.integers("in/label").map { $0 == 1 }
    try CaseBounds.require(anomalous.count * width == test.count, "\"in/label\" has no label for each row")
    let probability = try golden.number("recipe.probability", in: 0...1)
    let components = PrincipalComponents(normal, rows: rows, width: width)
    let share = try golden.number("recipe.variance_threshold")
    let last = components.last(above: share)
    var outcome = GoldenOutcome([
        "out/explained": GoldenValue(components.explained, [components.explained.count]),
        "out/last_component": GoldenValue([last], [1]),
    ])
    for subspace in FeatureSubspace.allCases {
        let name = subspace.rawValue
        guard
            let model = SubspaceGaussian(
                normal, rows: rows, width: width, subspace, of: components, share: share)
        else { throw GoldenError("the covariance of \(name) is singular") }
        let distances = model.distances(test)
        outcome.values["out/\(name)/shrinkage"] = scalar(model.gaussian.shrinkage)
        outcome.values["out/\(name)/distance"] = GoldenValue(distances, [distances.count])
        guard let detection = Detection(distances, anomalous: anomalous) else {
            throw GoldenError("\"in/label\" has one kind of rows, or a distance is no number")
        }
        outcome.values["out/\(name)/auroc"] = scalar(detection.areaUnderCurve)
        outcome.values["out/\(name)/threshold"] = scalar(model.gaussian.threshold(probability: probability))
    }
    return outcome
}
