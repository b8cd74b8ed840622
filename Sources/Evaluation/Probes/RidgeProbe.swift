public import Autodiff
import Foundation
public import RandomStreams
public import RecipeSchema

/// A ridge classifier: least squares on targets ±1, whose solution needs no iterations; the penalty is chosen on the held-out
/// tenth, then all training pictures are fitted.
public struct RidgeProbe: TableProbe {
    /// The name of the protocol in results.
    public static let name = "ridge"
    /// What it is, in a sentence.
    public static let summary =
        "Least squares on targets ±1 with a penalty chosen on a held-out tenth: quick and without iterations."
    /// How long it takes.
    public static let cost = "seconds"

    /// The penalties among which one is chosen, rising.
    public var alpha: [Double] = (-6...12).map { pow(10, Double($0) / 2) }

    /// The protocol with its usual settings.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field(
            "alpha", \.alpha,
            in: .rising(1...256, of: .above(0, upTo: 1e12)),
            "Weights of the penalty against the squared errors, among which one is chosen.")
    ]

    /// The scores; see `Probe`.
    public func scores(
        train: FeatureTable, test: FeatureTable, random: RandomStream, on engine: Engine
    ) throws -> [ProbeScore] {
        let tables = try ProbeTables(train, test)
        func problem(_ train: FeatureTable, _ labels: [Int]) -> RidgeClassifier {
            RidgeClassifier(
                train.features, features: train.dimension, labels: labels, classes: tables.classes, on: engine)
        }
        func outcomes(_ problem: RidgeClassifier, _ alpha: Double, _ table: FeatureTable, _ labels: [Int]) -> [Bool]? {
            guard let model = problem.solve(alpha: alpha) else { return nil }
            let best = Ranking.best(problem.scores(model, table.features), classes: tables.classes)
            return zip(best, labels).map { $0 == $1 }
        }
        var chosen = alpha[0]
        var validation: [(alpha: Double, accuracy: Double)] = []
        if alpha.count > 1 {
            let choosing = try tables.choosing(HeldOutTenth(labels: tables.trainLabels, random: random))
            let tenth = problem(choosing.train, choosing.trainLabels)
            for candidate in alpha {
                guard let hits = outcomes(tenth, candidate, choosing.test, choosing.testLabels) else { continue }
                validation.append((candidate, Ranking.share(hits)))
            }
            // Of equally good ones the larger penalty.
            if let best = validation.max(by: { ($0.accuracy, $0.alpha) < ($1.accuracy, $1.alpha) }) {
                chosen = best.alpha
            }
        }
        guard let hits = outcomes(problem(tables.train, tables.trainLabels), chosen, tables.test, tables.testLabels)
        else {
            throw EvaluationError(
                "no solution at alpha \(chosen): the features hardly vary; give larger values of alpha")
        }
        return [
            ProbeScore(
                name: Self.name, outcomes: hits,
                chosen: .object(
                    [
                        ("alpha", JSONValue(chosen)), ("selected_on", JSONValue("held-out tenth")),
                        (
                            "validation",
                            JSONValue(validation.map { JSONValue([JSONValue($0.alpha), JSONValue($0.accuracy)]) })
                        ),
                    ] + tables.remarks), train: train.count)
        ]
    }
}
