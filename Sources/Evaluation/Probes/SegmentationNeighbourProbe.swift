import Autodiff
public import RandomStreams
public import RecipeSchema

/// Label maps by weighted nearest neighbours of patches: each of the k training patches whose features are most similar by cosine votes
/// for its class with weight exp(similarity / temperature), as `dino-knn` does for pictures; shares of the votes are interpolated to
/// pixels.
public struct SegmentationNeighbourProbe: Probe {
    /// The name of the protocol in results.
    public static let name = "seg-knn"
    /// What it is, in a sentence.
    public static let summary =
        "Label maps by k nearest patches; mean IoU on pixels; k chosen on a held-out tenth of the pictures."
    /// How long it takes.
    public static let cost = "seconds to minutes: each test patch is compared with all that are fitted on"

    /// The numbers of neighbours among which one is chosen.
    public var k = [5, 20, 50, 100]
    /// Divides the similarities before the exponential.
    public var temperature = 0.07
    /// Most patches that are fitted on.
    public var patches = 32_768
    /// Takes all classes but 0 for one.
    public var figure = false

    /// The protocol with its usual settings.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field(
            "k", \.k, in: .rising(1...64, of: .closed(1...1 << 24)),
            "Numbers of neighbours among which one is chosen."),
        Field(
            "temperature", \.temperature, in: .closed(1e-6...1e6),
            "Divides the cosine similarities before the exponential."),
        SegmentationContest.patchesField(\.patches),
        SegmentationContest.figureField(\.figure),
    ]

    /// Patches and label maps.
    public var needs: ProbeNeeds { .labelMaps }

    /// The scores; see `Probe`.
    public func scores(_ subject: ProbeSubject, random: RandomStream) throws -> [ProbeScore] {
        let contest = SegmentationContest(name: Self.name, mostPatches: patches, isFigure: figure)
        let score = try contest.score(
            subject, random: random, key: "k",
            settings: { rows in
                // More neighbours than there are patches would all be the same vote under different names.
                let fitting = k.filter { $0 <= rows }
                return fitting.isEmpty ? [max(1, min(rows, k.min() ?? 1))] : fitting
            }, value: { JSONValue($0) }, details: [("temperature", JSONValue(temperature))]
        ) { table, classes, settings in
            let labels = table.labels ?? []
            return { patches in
                let neighbours = NearestNeighbours(
                    of: patches, among: table.features, features: table.dimension, count: settings.max() ?? 1,
                    on: subject.engine)
                return settings.map {
                    neighbours.votes(k: $0, labels: labels, classes: classes, temperature: temperature)
                }
            }
        }
        return [score]
    }
}
