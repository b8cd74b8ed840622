public import Autodiff
public import RandomStreams
public import RecipeSchema

/// A way to judge frozen features: a classifier fitted on a training table and scored on a test table.
///
/// What a probe chooses (a penalty, a number of neighbours), it chooses on a tenth held out of the training table; test
/// labels are read once, to count right answers.
public protocol Probe: NamedSection {
    /// What it is, in a sentence, for lists.
    static var summary: String { get }
    /// Scores on `test`, computed by the threads of `engine`, on whose number nothing depends; throws where the tables cannot
    /// be probed.
    func scores(
        train: FeatureTable, test: FeatureTable, random: RandomStream, on engine: Engine
    ) throws -> [ProbeScore]
}

/// How well one probe did.
public struct ProbeScore: Sendable, Equatable {
    /// The name of the protocol.
    public var name: String
    /// Share of the test pictures that were right.
    public var accuracy: Double
    /// 95 % interval of the accuracy, for the drawing of the test pictures (Wilson).
    public var interval: ClosedRange<Double>
    /// What was chosen and how, and what else a reader must know to repeat it.
    public var chosen: JSONValue
    /// Number of training pictures.
    public var train: Int
    /// Number of test pictures.
    public var test: Int
    /// Which test pictures were right, in the order of the table; empty where several fits were averaged.
    public var outcomes: [Bool]

    /// A score from the outcome of each test picture.
    public init(name: String, outcomes: [Bool], chosen: JSONValue, train: Int) {
        self.init(
            name: name, accuracy: Ranking.share(outcomes), chosen: chosen, train: train, test: outcomes.count,
            outcomes: outcomes)
    }

    /// A score from the mean accuracy of several fits on the same test pictures.
    public init(
        name: String, accuracy: Double, chosen: JSONValue, train: Int, test: Int, outcomes: [Bool] = []
    ) {
        self.name = name
        self.accuracy = accuracy
        self.chosen = chosen
        self.train = train
        self.test = test
        self.outcomes = outcomes
        let wilson = Uncertainty.wilson(hits: accuracy * Double(test), trials: test)
        interval = wilson.low...wilson.high
    }

    /// The row that `probe --json` prints; `features` says whose features they are.
    public func row(features: String) -> JSONValue {
        .object([
            ("protocol", JSONValue(name)), ("features", JSONValue(features)), ("accuracy", JSONValue(accuracy)),
            ("interval", JSONValue([JSONValue(interval.lowerBound), JSONValue(interval.upperBound)])),
            ("interval_kind", JSONValue("wilson 95 %")), ("chosen", chosen), ("train", JSONValue(train)),
            ("test", JSONValue(test)),
        ])
    }
}
