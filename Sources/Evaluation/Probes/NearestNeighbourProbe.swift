public import Autodiff
public import RandomStreams
public import RecipeSchema

/// Weighted nearest neighbours by cosine similarity (protocol of DINO, Caron et al. 2021, `eval_knn.py`).
///
/// Each of the k most similar training pictures votes for its class with weight exp(similarity / temperature). Equal
/// similarities: the earlier training picture; equal votes: the lower class. k is chosen on the held-out tenth; the
/// accuracy of every k stands in the details.
public struct NearestNeighbourProbe: TableProbe {
    /// The name of the protocol in results.
    public static let name = "dino-knn"
    /// What it is, in a sentence.
    public static let summary = "Weighted k nearest neighbours by cosine; k chosen on a held-out tenth."
    /// How long it takes.
    public static let cost = "seconds"

    /// The numbers of neighbours among which one is chosen.
    public var k = [10, 20, 100, 200]
    /// Divides the similarities before the exponential.
    public var temperature = 0.07

    /// The protocol with its usual settings.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field(
            "k", \.k,
            in: .rising(1...64, of: .closed(1...1 << 24)),
            "Numbers of neighbours among which one is chosen."),
        Field(
            "temperature", \.temperature, in: .closed(1e-6...1e6),
            "Divides the cosine similarities before the exponential."),
    ]

    /// The scores; see `Probe`.
    public func scores(
        train: FeatureTable, test: FeatureTable, random: RandomStream, on engine: Engine
    ) throws -> [ProbeScore] {
        let tables = try ProbeTables(train, test)
        // More neighbours than there are pictures would all be the same vote under different names.
        let least = self.k.count > 1 ? tables.train.count - (tables.train.count + 9) / 10 : tables.train.count
        let fitting = self.k.filter { $0 <= least }
        let k = fitting.isEmpty ? [max(1, min(least, self.k.min() ?? 1))] : fitting
        var best = k[0]
        var validation: [Double] = []
        if k.count > 1 {
            let choosing = try tables.choosing(HeldOutTenth(labels: tables.trainLabels, random: random))
            validation = outcomes(choosing, k, engine).map(Ranking.share)
            for (i, score) in validation.enumerated() where score > validation[k.firstIndex(of: best) ?? 0] {
                best = k[i]
            }
        }
        let outcomes = outcomes(tables, k, engine)
        let tooMany = self.k.filter { !k.contains($0) }
        func list(_ values: [Double]) -> JSONValue {
            .object(zip(k, values).map { (String($0), JSONValue($1)) })
        }
        return [
            ProbeScore(
                name: Self.name, outcomes: outcomes[k.firstIndex(of: best) ?? 0],
                chosen: .object(
                    [
                        ("k", JSONValue(best)), ("temperature", JSONValue(temperature)),
                        ("selected_on", JSONValue(k.count > 1 ? "held-out tenth" : "nothing")),
                        ("validation", list(validation)), ("test_accuracy_by_k", list(outcomes.map(Ranking.share))),
                    ]
                        + (tooMany.isEmpty
                            ? [] : [("k_beyond_the_pictures", JSONValue(tooMany.map { JSONValue($0) }))])
                        + tables.remarks), train: train.count)
        ]
    }

    /// Which test pictures each k gets right.
    private func outcomes(_ tables: ProbeTables, _ k: [Int], _ engine: Engine) -> [[Bool]] {
        let neighbours = NearestNeighbours(
            of: tables.test.features, among: tables.train.features, features: tables.train.dimension,
            count: k.max() ?? 1, on: engine)
        return k.map { k in
            let votes = neighbours.votes(
                k: k, labels: tables.trainLabels, classes: tables.classes, temperature: temperature)
            return zip(Ranking.best(votes, classes: tables.classes), tables.testLabels).map { $0 == $1 }
        }
    }
}
