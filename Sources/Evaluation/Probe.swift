public import Autodiff
public import RandomStreams
public import RecipeSchema

/// What a probe needs of what it judges.
public enum ProbeNeeds: Sendable {
    /// One feature a picture: raw pixels will do.
    case features
    /// The encoder itself, which sees augmented pictures or is trained further.
    case encoder
    /// A feature for each patch, and a label map of each picture; raw pixels will do, and pictures need no label of their own.
    case labelMaps
}

/// A way to judge what was learned: a classifier fitted on the training part and scored on the test part.
///
/// What a probe chooses (a penalty, a number of neighbours), it chooses on a tenth held out of the training part; test
/// labels are read once, to count right answers.
public protocol Probe: NamedSection {
    /// What it is, in a sentence, for lists.
    static var summary: String { get }
    /// How long it takes, in words, for lists.
    static var cost: String { get }
    /// What must be there.
    var needs: ProbeNeeds { get }
    /// Makes the features of pictures that `scores` is going to ask the subject for.
    func prepare(_ subject: ProbeSubject) throws
    /// Scores on the test part, computed by the threads of the subject's engine, on whose number nothing depends; throws where it
    /// cannot be probed.
    func scores(_ subject: ProbeSubject, random: RandomStream) throws -> [ProbeScore]
}

extension Probe {
    /// None.
    public func prepare(_ subject: ProbeSubject) throws {}
}

/// A probe of one feature a picture.
public protocol TableProbe: Probe {
    /// The tokens that the protocol pools its features from, where nothing else is asked for.
    static var pooling: Pooling { get }
    /// Scores of the rows of one table by what was fitted on another.
    func scores(
        train: FeatureTable, test: FeatureTable, random: RandomStream, on engine: Engine
    ) throws -> [ProbeScore]
}

extension TableProbe {
    /// The mean of the patch tokens, whatever the encoder.
    public static var pooling: Pooling { .mean }
    /// Features.
    public var needs: ProbeNeeds { .features }

    /// The subject's tables.
    public func prepare(_ subject: ProbeSubject) throws { _ = try subject.tables(Self.pooling) }

    /// The scores of the subject's tables.
    public func scores(_ subject: ProbeSubject, random: RandomStream) throws -> [ProbeScore] {
        let (train, test) = try subject.tables(Self.pooling)
        return try scores(train: train, test: test, random: random, on: subject.engine)
    }
}

/// How well one probe did.
public struct ProbeScore: Sendable, Equatable {
    /// The name of the protocol.
    public var name: String
    /// Share of the test pictures that were right; of label maps the mean IoU of the classes.
    public var accuracy: Double
    /// 95 % interval of the accuracy, for the drawing of the test pictures (Wilson; of label maps bootstrap over pictures).
    public var interval: ClosedRange<Double>
    /// What was chosen and how, and what else a reader must know to repeat it.
    public var chosen: JSONValue
    /// Number of training pictures.
    public var train: Int
    /// Number of test pictures.
    public var test: Int
    /// Which test pictures were right, in the order of the table; empty where several fits were averaged.
    public var outcomes: [Bool]
    /// The deviation of the accuracy over draws of the training pictures, where there were several: another thing than the interval.
    public var spread: Double?
    /// How regions of pixels were found, where label maps were judged.
    public var regions: RegionOverlap?

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

    /// A row with which test pictures were right, for comparisons of runs picture by picture.
    public func recorded(_ row: JSONValue) -> JSONValue {
        guard !outcomes.isEmpty, let members = row.members else { return row }
        return .object(
            members.map { ($0.name, $0.value) } + [("outcomes", JSONValue(PackedOutcomes.digits(outcomes)))])
    }

    /// A score of regions of label maps, by their mean IoU.
    public init(name: String, regions: RegionOverlap, random: RandomStream, chosen: JSONValue, train: Int) {
        self.init(name: name, accuracy: regions.mean, chosen: chosen, train: train, test: regions.pictures)
        let bootstrap = regions.interval(random: random)
        interval = min(bootstrap.low, bootstrap.high)...bootstrap.high
        self.regions = regions
    }

    /// The row that `probe --json` prints; `features` says whose features they are.
    public func row(features: String) -> JSONValue {
        let ends = JSONValue([JSONValue(interval.lowerBound), JSONValue(interval.upperBound)])
        return .object(
            [("protocol", JSONValue(name)), ("features", JSONValue(features))]
                + (regions.map { Self.members($0, ends) } ?? [
                    ("accuracy", JSONValue(accuracy)), ("interval", ends), ("interval_kind", JSONValue("wilson 95 %")),
                ]) + [("chosen", chosen), ("train", JSONValue(train)), ("test", JSONValue(test))]
                + (spread.map { [("spread", JSONValue($0))] } ?? []))
    }

    /// What a row says of regions.
    private static func members(_ regions: RegionOverlap, _ ends: JSONValue) -> [(String, JSONValue)] {
        [
            ("mean_iou", JSONValue(regions.mean)), ("interval", ends),
            ("interval_kind", JSONValue("bootstrap over pictures 95 %")),
            ("pixel_accuracy", JSONValue(regions.pixelAccuracy)),
            (
                "iou",
                .object(
                    zip(regions.names, regions.intersectionOverUnion).map { ($0, $1.map { JSONValue($0) } ?? .null) })
            ),
        ]
    }
}
