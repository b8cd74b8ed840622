public import Autodiff
public import RandomStreams
public import RecipeSchema

/// Logistic regression on the class token as it is (DINOv2's `log_regression.py`): every C of the grid is tried on the held-out
/// tenth, then all training pictures are fitted. Encoders without a class token give the mean of their patch tokens.
public struct DINOv2LogisticRegressionProbe: TableProbe {
    /// The name of the protocol in results.
    public static let name = "dinov2-logreg"
    /// What it is, in a sentence.
    public static let summary =
        "Logistic regression on the class token; C chosen among all of a grid on a held-out tenth."
    /// How long it takes.
    public static let cost = "some times as long as clip-logreg"
    /// The class token.
    public static let pooling = Pooling.class

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
        return [try LogisticClassifier.score(tables, c, name: Self.name, triesAll: true, random: random, on: engine)]
    }
}
