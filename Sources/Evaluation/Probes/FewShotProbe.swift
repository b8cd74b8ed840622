public import Autodiff
public import RandomStreams
public import RecipeSchema

/// Regularised least squares on a few pictures a class (big_vision's `fewshot_lsr`).
///
/// For each number of shots and each draw: the first pictures of a permutation of each class, standardised by
/// themselves, targets ±1, a constant column of 100. The score is the mean accuracy of the draws; each stands in the
/// details. The original draws by numpy's generator, so only the distribution is the same.
public struct FewShotProbe: TableProbe {
    /// The name of the protocol in results.
    public static let name = "fewshot-lsr"
    /// What it is, in a sentence.
    public static let summary = "Least squares on 1, 5, 10 and 25 pictures a class; mean of three draws."
    /// How long it takes.
    public static let cost = "seconds"

    /// Pictures a class.
    public var shots = [1, 5, 10, 25]
    /// Number of draws.
    public var draws = 3
    /// Weight of the squared weights.
    public var l2 = 1024.0

    /// The protocol with its usual settings.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field(
            "shots", \.shots,
            in: .rising(1...64, of: .closed(1...1_000_000)),
            "Pictures a class, a score each."),
        Field("draws", \.draws, in: .closed(1...1000), "Number of draws whose accuracies are averaged."),
        Field(
            "l2", \.l2, in: .above(0, upTo: 1e12), "Weight of the squared weights against the sum of squared errors."),
    ]

    /// The scores; see `Probe`.
    public func scores(
        train: FeatureTable, test: FeatureTable, random: RandomStream, on engine: Engine
    ) throws -> [ProbeScore] {
        let tables = try ProbeTables(train, test)
        var members = [[Int]](repeating: [], count: tables.classes)
        for (row, label) in tables.trainLabels.enumerated() { members[label].append(row) }
        // A class with fewer pictures than shots would make another protocol of it.
        let most = members.lazy.map(\.count).filter { $0 > 0 }.min() ?? 1
        let fitting = self.shots.filter { $0 <= most }
        let tooMany = self.shots.filter { $0 > most }
        let remarks =
            tables.remarks
            + (tooMany.isEmpty ? [] : [("shots_beyond_the_smallest_class", JSONValue(tooMany.map { JSONValue($0) }))])
        return try (fitting.isEmpty ? [most] : fitting).map { shots in
            var accuracies: [Double] = []
            var selected = 0
            for draw in 0..<draws {
                // The same permutation for every number of shots: more shots contain fewer.
                let stream = random.child("few shots").child(draw)
                let rows = members.indices.flatMap { label -> [Int] in
                    var stream = stream.child(label)
                    return stream.permutation(members[label].count).prefix(shots).map { members[label][$0] }
                }
                selected = rows.count
                let few = train.rows(rows)
                let classifier = LeastSquaresClassifier(
                    few.features, features: few.dimension, labels: few.labels ?? [], classes: tables.classes,
                    on: engine)
                guard let weights = classifier.weights(l2: l2) else {
                    throw EvaluationError(
                        "\(Self.name): l2 is \(l2), too small against the features for a solution; the usual is 1024")
                }
                let predictions = Ranking.best(classifier.scores(weights, test.features), classes: tables.classes)
                accuracies.append(Ranking.share(zip(predictions, tables.testLabels).map { $0 == $1 }))
            }
            let spread = Uncertainty.runs(accuracies)
            return ProbeScore(
                name: Self.name, accuracy: spread.mean,
                chosen: .object(
                    [
                        ("shots", JSONValue(shots)), ("l2", JSONValue(l2)), ("selected_on", JSONValue("nothing")),
                        ("draws", JSONValue(accuracies.map { JSONValue($0) })),
                        ("deviation_over_draws", JSONValue(spread.deviation)),
                    ] + remarks), train: selected, test: test.count)
        }
    }
}
