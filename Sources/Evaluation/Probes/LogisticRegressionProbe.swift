public import Autodiff
import Foundation
public import RandomStreams
public import RecipeSchema

/// Logistic regression on features as they are (protocol of CLIP, Radford et al. 2021, with DINOv2's values of C).
///
/// Objective C·Σ loss + ½‖W‖², intercepts free; two classes use the form with one vector. C is chosen on the held-out
/// tenth by a walk over the 45 values 10^(−6 … 5) that starts in the middle; then all training pictures are fitted.
public struct LogisticRegressionProbe: TableProbe {
    /// The name of the protocol in results.
    public static let name = "clip-logreg"
    /// What it is, in a sentence.
    public static let summary = "Logistic regression on raw features; C chosen on a held-out tenth."
    /// How long it takes.
    public static let cost = "minutes on tens of thousands of pictures"

    /// The values of C among which one is chosen, rising.
    public var c = LogisticClassifier.usualC

    /// The protocol with its usual settings.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        LogisticClassifier.field(\.c)
    ]

    /// The scores; see `Probe`.
    public func scores(
        train: FeatureTable, test: FeatureTable, random: RandomStream, on engine: Engine
    ) throws -> [ProbeScore] {
        let tables = try ProbeTables(train, test)
        return [try LogisticClassifier.score(tables, c, name: Self.name, triesAll: false, random: random, on: engine)]
    }
}

extension LogisticClassifier {
    /// DINOv2's values of C, rising.
    static let usualC: [Double] = (0..<45).map { pow(10, -6 + 11 * Double($0) / 44) }

    /// The row of the values of C.
    static func field<Options: RecipeSection>(_ path: any WritableKeyPath<Options, [Double]> & Sendable) -> Field<
        Options
    > {
        Field(
            "c", path, in: .rising(1...256, of: .above(0, upTo: 1e12)),
            "Weights of the loss against the penalty, among which one is chosen.")
    }

    /// The score at the C that does best on the held-out tenth: of all of them where `triesAll`, else of those that a walk uphill
    /// from the middle meets. Then all training pictures are fitted.
    static func score(
        _ tables: ProbeTables, _ c: [Double], name: String, triesAll: Bool, random: RandomStream, on engine: Engine
    ) throws -> ProbeScore {
        var best = 0
        var tried: [Int: Double] = [:]
        if c.count > 1 {
            let choosing = try tables.choosing(HeldOutTenth(labels: tables.trainLabels, random: random))
            let problem = LogisticClassifier(
                choosing.train, labels: choosing.trainLabels, classes: tables.classes, on: engine)
            var models: [Int: SoftmaxRegression.Model] = [:]
            func accuracy(_ place: Int) -> Double {
                // A neighbour's solution is a good start; among equally near ones the smaller C.
                let near = models.keys.min { (abs($0 - place), $0) < (abs($1 - place), $1) }
                let model = problem.fit(C: c[place], from: near.flatMap { models[$0] }, tolerance: 1e-5)
                models[place] = model
                return Ranking.share(problem.outcomes(model, choosing.test, labels: choosing.testLabels))
            }
            if triesAll {
                for place in c.indices { tried[place] = accuracy(place) }
                best = c.indices.max { (tried[$0] ?? 0, -$0) < (tried[$1] ?? 0, -$1) } ?? 0
            } else {
                (best, tried) = HillWalk.search(count: c.count, start: c.count / 2, stride: 4, score: accuracy)
            }
        }
        let problem = LogisticClassifier(tables.train, labels: tables.trainLabels, classes: tables.classes, on: engine)
        let model = problem.fit(C: c[best], tolerance: 1e-8)
        let validation = tried.sorted { $0.key < $1.key }.map {
            JSONValue([JSONValue(c[$0.key]), JSONValue($0.value)])
        }
        return ProbeScore(
            name: name, outcomes: problem.outcomes(model, tables.test, labels: tables.testLabels),
            chosen: .object(
                [
                    ("C", JSONValue(c[best])),
                    ("selected_on", JSONValue(c.count > 1 ? "held-out tenth" : "nothing")),
                    ("validation", JSONValue(validation)), ("gradient", JSONValue(model.gradient)),
                ] + tables.remarks), train: tables.train.count)
    }
}

/// Logistic regression as a classifier, with the one-vector form for two classes.
struct LogisticClassifier {
    private let problem: SoftmaxRegression
    private let classes: Int
    private let engine: Engine

    init(_ train: FeatureTable, labels: [Int], classes: Int, on engine: Engine) {
        self.classes = classes
        self.engine = engine
        problem = SoftmaxRegression(
            train.features, features: train.dimension, labels: labels, classes: classes, on: engine)
    }

    /// Fits at a C; one vector at C for two classes is two vectors at C/2.
    func fit(C: Double, from start: SoftmaxRegression.Model? = nil, tolerance: Double) -> SoftmaxRegression.Model {
        problem.solve(C: classes == 2 ? C / 2 : C, from: start, tolerance: tolerance)
    }

    /// The scores of rows [n, features], [n, classes].
    func scores(_ model: SoftmaxRegression.Model, _ values: [Float]) -> [Double] {
        SoftmaxRegression.scores(
            model.weights, classes: classes, values, features: problem.design.features, on: engine)
    }

    /// Which pictures of a table the model gets right.
    func outcomes(_ model: SoftmaxRegression.Model, _ table: FeatureTable, labels: [Int]) -> [Bool] {
        let scores = SoftmaxRegression.scores(
            model.weights, classes: classes, table.features, features: table.dimension, on: engine)
        return zip(Ranking.best(scores, classes: classes), labels).map { $0 == $1 }
    }
}
