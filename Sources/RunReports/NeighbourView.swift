public import Autodiff
import Evaluation
public import ImageData
public import Pretraining
import PretrainingMethods
public import Reporting

/// What an encoder finds alike: a row a picture, and those whose features come nearest to its own.
public struct NeighbourView {
    /// The sheet, with what its columns are.
    public let sheet: ContactSheet
    /// Names of the columns.
    public let columns: [String]

    /// Pictures that are looked at, at most.
    private static let most = 2000
    /// Neighbours of each.
    private static let neighbours = 7

    /// Draws the first `count` readable pictures of a source and their neighbours among all, or among 2,000 at equal distances where
    /// there are more; with some bands as red, green and blue.
    public init(
        _ trained: TrainedMethod, first count: Int, of source: any ImageSource, _ part: DatasetPart,
        transform: EvaluationTransform, bands: [Int], engine: Engine
    ) throws {
        let most = max(Self.most, count)
        let chosen =
            source.count <= most
            ? Array(0..<source.count)
            : Set(Array(0..<count) + (0..<most - count).map { $0 * source.count / (most - count) }).sorted()
        let some = PartOfSource(source, chosen)
        let extractor = try FeatureExtractor(
            trained.method.encoder, trained.method.encoderParameters, engine: engine)
        let table = try extractor.table(of: some, transform, requiresLabels: false, policy: .skip)
        let found = SetNeighbours(table.features, width: table.dimension, count: Self.neighbours, on: engine)
        let shown = SheetPictures(some, table, trained.recipe, transform, bands: bands)
        let rows = try (0..<min(count, table.count)).map { row -> [ContactSheet.Shown] in
            [(try shown.picture(row), [table.keys[row]])]
                + (try found.neighbours(of: row).map {
                    (try shown.picture($0.row), [table.keys[$0.row], "cosine \(threeFigures($0.similarity))"])
                })
        }
        columns = ["picture"] + (0..<found.count).map { "neighbour \($0 + 1)" }
        let title = [
            "Nearest neighbours after step \(trained.step)",
            "Left a picture, then those among \(table.count) of the \(part.rawValue) part whose features have the largest cosine with "
                + "its own, which stands below.",
        ]
        sheet = ContactSheet(
            rows: rows.map { $0.map(\.picture) }, scale: 1,
            captions: .init(title: title, columns: columns, pictures: rows.map { $0.map(\.lines) }))
    }
}
