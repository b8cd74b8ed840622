public import Autodiff
public import RandomStreams
public import RecipeSchema

/// Logistic regression on standardised features with a fixed penalty: nothing is chosen, so it is quick and the same
/// for every encoder; made for curves over a run.
///
/// Features have the training mean taken off and are divided by the training deviation (n − 1) + 1e-6. Objective: mean
/// cross-entropy + penalty·‖W‖², intercepts free, solved to convergence.
public struct StandardizedLogisticRegressionProbe: TableProbe {
    /// The name of the protocol in results.
    public static let name = "standardized-logreg"
    /// What it is, in a sentence.
    public static let summary = "Logistic regression on standardised features with a fixed penalty."
    /// How long it takes.
    public static let cost = "half a minute on tens of thousands of pictures"

    /// Weight of the squared weights against the mean loss.
    public var penalty = 1e-4

    /// The protocol with its usual settings.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field(
            "penalty", \.penalty, in: .above(0, upTo: 1e6),
            "Weight of the squared weights against the mean cross-entropy.")
    ]

    /// The scores; see `Probe`.
    public func scores(
        train: FeatureTable, test: FeatureTable, random: RandomStream, on engine: Engine
    ) throws -> [ProbeScore] {
        let tables = try ProbeTables(train, test)
        let standardisation = Standardisation(
            train.features, features: train.dimension, correction: 1, epsilon: 1e-6, on: engine)
        let problem = SoftmaxRegression(
            train.features, features: train.dimension, standardisation: standardisation, labels: tables.trainLabels,
            classes: tables.classes, on: engine)
        // The mean loss + penalty·‖W‖² is 2·penalty times C·Σ loss + ½‖W‖² at this C.
        let model = problem.solve(C: 1 / (2 * penalty * Double(train.count)), tolerance: 1e-8)
        let scores = SoftmaxRegression.scores(
            model.weights, classes: tables.classes, test.features, features: test.dimension,
            standardisation: standardisation, on: engine)
        let predictions = Ranking.best(scores, classes: tables.classes)
        return [
            ProbeScore(
                name: Self.name, outcomes: zip(predictions, tables.testLabels).map { $0 == $1 },
                chosen: .object(
                    [
                        ("penalty", JSONValue(penalty)), ("selected_on", JSONValue("nothing")),
                        ("train_objective", JSONValue(model.objective * 2 * penalty)),
                        ("gradient", JSONValue(model.gradient)),
                    ] + tables.remarks), train: train.count)
        ]
    }
}
