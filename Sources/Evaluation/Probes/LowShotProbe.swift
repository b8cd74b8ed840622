import Foundation
import ImageData
public import RandomStreams
public import RecipeSchema

/// Another protocol with a share of the training labels: 1 and 10 per cent, as semi-supervised evaluation has it.
///
/// Each draw takes the first pictures of a permutation of each class, at least one a class. The score of a share is the mean of
/// its draws; their deviation stands beside it, apart from the interval, which is that of the test pictures.
public struct LowShotProbe: Probe {
    /// The name of the protocol in results.
    public static let name = "low-shot"
    /// What it is, in a sentence.
    public static let summary =
        "Another protocol on 1 and 10 % of the training labels, by class; mean and deviation of three draws."
    /// How long it takes.
    public static let cost = "draws times shares of the other protocol's time"

    /// The protocol that is asked.
    public var inner = LogisticRegressionProbe.name
    /// Shares of the training pictures, a score each.
    public var shares = [0.01, 0.1]
    /// Draws of a share.
    public var draws = 3

    /// The protocol that is asked, with settings of its own; nil for the usual ones.
    private var configured: (any Probe)?

    /// The protocol with its usual settings.
    public init() {}

    /// Shares of the labels for another protocol with settings of its own.
    public init(around probe: any Probe, shares: [Double], draws: Int) {
        inner = type(of: probe).name
        configured = probe
        self.shares = shares
        self.draws = draws
    }

    private func asked() throws -> any Probe { try configured ?? ProbeCatalogue.named(inner) }

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("protocol", \.inner, "The protocol that is asked, with its usual settings."),
        Field(
            "shares", \.shares,
            in: .rising(1...64, of: .above(0, upTo: 1)),
            "Shares of each class of the training part."),
        Field("draws", \.draws, in: .closed(1...1000), "Draws whose accuracies are averaged."),
    ]

    /// The other protocol must be one.
    public func check() -> [String] {
        if inner == Self.name { return ["protocol is \(Self.name) itself; name another one"] }
        do {
            guard try ProbeCatalogue.named(inner).needs != .labelMaps else {
                return [
                    "protocol is \(inner), which has label maps in the place of labels; name one of labelled pictures"
                ]
            }
            return []
        } catch {
            return ["protocol: \(error)"]
        }
    }

    /// What the other protocol needs.
    public var needs: ProbeNeeds { (try? asked())?.needs ?? .features }

    /// What the other protocol prepares, of all pictures.
    public func prepare(_ subject: ProbeSubject) throws { try asked().prepare(subject) }

    /// The scores; see `Probe`.
    public func scores(_ subject: ProbeSubject, random: RandomStream) throws -> [ProbeScore] {
        let probe = try asked()
        var made: [ProbeScore] = []
        for share in shares {
            var fits: [(chosen: [Int], scores: [ProbeScore])] = []
            for draw in 0..<draws {
                let chosen = try sample(of: subject, share, random.child("low shot").child(draw))
                fits.append((chosen, try probe.scores(subject.restricted(to: chosen), random: random.child(draw))))
            }
            for place in fits[0].scores.indices {
                made.append(score(fits.map { (chosen: $0.chosen, score: $0.scores[place]) }, share, subject))
            }
        }
        return made
    }

    /// One score of the draws of a share.
    private func score(
        _ draws: [(chosen: [Int], score: ProbeScore)], _ share: Double, _ subject: ProbeSubject
    ) -> ProbeScore {
        let accuracies = draws.map(\.score.accuracy)
        let (first, runs) = (draws[0].score, Uncertainty.runs(accuracies))
        let keys = draws.map { draw in JSONValue(draw.chosen.map { JSONValue(subject.train.key($0)) }) }
        var made = ProbeScore(
            name: "\(Self.name) \(String(format: "%g", 100 * share)) % \(first.name)", accuracy: runs.mean,
            chosen: .object([
                ("protocol", JSONValue(inner)), ("share", JSONValue(share)),
                ("accuracies", JSONValue(accuracies.map { JSONValue($0) })),
                ("each", JSONValue(draws.map(\.score.chosen))), ("keys", JSONValue(keys)),
            ]), train: first.train, test: first.test)
        if draws.count > 1 { made.spread = runs.deviation }
        return made
    }

    /// The pictures of a draw, rising: of each class its share, rounded, at least one.
    private func sample(of subject: ProbeSubject, _ share: Double, _ random: RandomStream) throws -> [Int] {
        var members: [Int: [Int]] = [:]
        for sample in 0..<subject.train.count {
            guard let label = subject.train.label(sample) else {
                throw EvaluationError("the picture `\(subject.train.key(sample))` has no label")
            }
            members[label, default: []].append(sample)
        }
        return members.flatMap { label, samples in
            var stream = random.child(label)
            let order = stream.permutation(samples.count)
            let count = max(1, Int((share * Double(samples.count)).rounded()))
            return order.prefix(count).map { samples[$0] }
        }.sorted()
    }
}
