import Autodiff
import Foundation
public import RandomStreams
public import RecipeSchema

/// Label maps by logistic regression on the features of patches as they are, as `clip-logreg` does for pictures; its scores are
/// interpolated to pixels.
public struct SegmentationRegressionProbe: Probe {
    /// The name of the protocol in results.
    public static let name = "seg-logreg"
    /// What it is, in a sentence.
    public static let summary =
        "Label maps by logistic regression on patches; mean IoU on pixels; C chosen on a held-out tenth of the pictures."
    /// How long it takes.
    public static let cost = "minutes: a fit of all patches for each C"

    /// The values of C among which one is chosen, rising.
    public var c = (-5...1).map { pow(10, Double($0)) }
    /// Most patches that are fitted on.
    public var patches = 32_768
    /// Takes all classes but 0 for one.
    public var figure = false

    /// The protocol with its usual settings.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        LogisticClassifier.field(\.c),
        SegmentationContest.patchesField(\.patches),
        SegmentationContest.figureField(\.figure),
    ]

    /// Patches and label maps.
    public var needs: ProbeNeeds { .labelMaps }

    /// The scores; see `Probe`.
    public func scores(_ subject: ProbeSubject, random: RandomStream) throws -> [ProbeScore] {
        let contest = SegmentationContest(name: Self.name, mostPatches: patches, isFigure: figure)
        let score = try contest.score(
            subject, random: random, key: "c", settings: { _ in c }, value: { JSONValue($0) }
        ) { table, classes, settings in
            let problem = LogisticClassifier(
                table, labels: table.labels ?? [], classes: classes, on: subject.engine)
            var models: [SoftmaxRegression.Model] = []
            for (place, c) in settings.enumerated() {
                // The solution of the C before is a good start.
                models.append(
                    problem.fit(C: c, from: models.last, tolerance: settings.count > 1 ? 1e-5 : 1e-8))
                if settings.count > 1 {
                    subject.onProgress("\(Self.name): values of C fitted", place + 1, settings.count)
                }
            }
            return { patches in models.map { problem.scores($0, patches) } }
        }
        return [score]
    }
}
