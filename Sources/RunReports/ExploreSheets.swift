package import Autodiff
package import Evaluation
package import ImageData
import ImageMasking
package import Pretraining
import Reporting
import VisionTransformers

/// The sheets of `pretrain explore`.
package struct ExploreSheets {
    private let found: Exploration
    private let shown: SheetPictures
    private let tokens: BlockTokens
    private let rowsOfColours: [Int]
    private let shape: (channels: Int, height: Int, width: Int)

    /// The sheets of what was found in a source, whose pictures a transform shows to an encoder; patch tokens are those after block
    /// `layer`, nil for the last.
    package init(
        _ found: Exploration, _ subject: EvaluatedEncoder, _ source: any ImageSource, _ transform: EvaluationTransform,
        layer: Int?, engine: Engine
    ) throws {
        self.found = found
        shown = SheetPictures(source, found.table, subject.recipe, transform)
        shape = transform.shape
        tokens = try BlockTokens(
            .init(subject.encoder, subject.parameters, transform), layers: layer.map { [$0] } ?? [], engine: engine)
        // The medoids, which differ most, then the queries.
        var rows = found.clustering.clusters.map { $0.rows[0] } + found.queries.map(\.row)
        var seen = Set<Int>()
        rows = rows.filter { seen.insert($0).inserted }
        rowsOfColours = Array(rows.prefix(16))
    }

    /// All sheets; those without a picture are left out. `onProgress` hears how many are made.
    package func files(onProgress: (Int, Int) -> Void) throws -> [ResultSheet] {
        var files: [ResultSheet] = []
        let makers = [neighbours, duplicates, clusters, unusual, patches, spectrum]
        for (number, make) in makers.enumerated() {
            if let sheet = try make() { files.append(sheet) }
            onProgress(number + 1, makers.count)
        }
        return files
    }

    private func sheet(
        _ name: String, _ title: [String], columns: [String] = [],
        _ rows: [(title: String, pictures: [ContactSheet.Shown])]
    ) throws -> ResultSheet {
        let title = title + (shown.bandNote.map { [$0] } ?? [])
        return ResultSheet(
            name: name, title: title, bytes: try ContactSheet.png(title: title, columns: columns, rows: rows))
    }

    private func shown(_ row: Int, _ lines: String...) throws -> ContactSheet.Shown {
        (try shown.picture(row), [found.table.keys[row]] + lines)
    }

    private func neighbours() throws -> ResultSheet? {
        let most = found.queries.map(\.neighbours.count).max() ?? 0
        return try sheet(
            "neighbours.png",
            [
                "Nearest neighbours",
                "A row a picture: left the picture, then those whose features have the largest cosine with its own, which stands below.",
            ], columns: ["picture"] + (1...max(1, most)).map { "neighbour \($0)" },
            try found.queries.map { query in
                (
                    "",
                    [try shown(query.row)]
                        + (try query.neighbours.map { try shown($0.row, "cosine \(threeFigures($0.similarity))") })
                )
            })
    }

    private func duplicates() throws -> ResultSheet? {
        let most = found.options.shown
        let same = try found.duplicates.same.prefix(most).map { group in
            (
                "the same, number by number: \(group.count) pictures",
                try group.prefix(most).map { try shown($0) }
            )
        }
        let close = try found.duplicates.close.prefix(most).map { pair in
            (
                "close: distance \(threeFigures(pair.distance))",
                [try shown(pair.rows.0), try shown(pair.rows.1)]
            )
        }
        guard !same.isEmpty || !close.isEmpty else { return nil }
        return try sheet(
            "duplicates.png",
            [
                "Pictures that are there twice",
                "\(found.duplicates.same.count) groups are the same, number by number. \(found.duplicates.close.count) pairs of others "
                    + "are close: their features differ by at most \(threeFigures(found.duplicates.limit)), "
                    + "\(threeFigures(found.options.closeness)) of the median distance to the tenth neighbour.",
            ], Array(same) + Array(close))
    }

    private func clusters() throws -> ResultSheet? {
        let most = found.options.shown
        let rows = try found.clustering.clusters.prefix(20).enumerated().map { number, cluster in
            let places = Self.spread(cluster.rows.count, most)
            return (
                "cluster \(number): \(cluster.rows.count) pictures",
                try places.map {
                    try shown(cluster.rows[$0], $0 == 0 ? "medoid" : "\($0 + 1) of \(cluster.rows.count)")
                }
            )
        }
        let silhouette = found.clustering.silhouette.map { ", silhouette \(threeFigures($0))" } ?? ""
        return try sheet(
            "clusters.png",
            [
                "\(found.clustering.clusters.count) clusters\(silhouette)",
                "A row a cluster (k-means on features of length 1): left its medoid, the picture in the middle; to the right others from the "
                    + "middle to the edge, with their place in that order.",
            ], Array(rows))
    }

    private func unusual() throws -> ResultSheet? {
        let pictures = try found.mostUnusual.prefix(2 * found.options.shown).map { row in
            let figures = found.unusual[row]
            return try shown(
                row, "distance \(threeFigures(figures.neighbourDistance))",
                figures.gaussian.map { "Gaussian \(threeFigures($0))" } ?? "")
        }
        return try sheet(
            "unusual.png",
            [
                "The most unusual pictures, the first the most",
                "Below: the distance to the tenth neighbour, by which they are ordered, and the Mahalanobis distance to one Gaussian of all.",
            ], Array(pictures).inRows(of: found.options.shown).map { ("", $0) })
    }

    private func patches() throws -> ResultSheet? {
        let numbers = try rowsOfColours.map { try shown.numbers($0) }
        let images = Tensor(
            numbers.flatMap { $0 }, [numbers.count, shape.channels, shape.height, shape.width])
        let grid = tokens.grid
        guard let colours = PatchColours(tokens(images)[0].array, width: tokens.width) else { return nil }
        let size = 3 * grid.rows * grid.columns
        let pairs = try rowsOfColours.enumerated().map { place, row -> [ContactSheet.Shown] in
            let picture = try shown.picture(row)
            let map = ContactSheet.Picture(
                height: grid.rows, width: grid.columns,
                samples: Array(colours.colours[place * size..<(place + 1) * size]))
            let factor = max(1, min(picture.height / grid.rows, picture.width / grid.columns))
            return [(picture, [found.table.keys[row]]), (map.enlarged(by: factor), ["its patches"])]
        }
        let shares = colours.explained.map { "\(Int((100 * $0).rounded())) %" }.joined(separator: ", ")
        return try sheet(
            "patches.png",
            [
                "Patch tokens as colours",
                "Each picture with its patches to the right. Red, green and blue are the three strongest directions of the tokens of all "
                    + "these pictures (\(shares) of their variance): the same colour is the same to the encoder.",
            ], pairs.inRows(of: 4).map { ("", Array($0.joined())) })
    }

    private func spectrum() throws -> ResultSheet? {
        let title = [
            "Variance of the features over their directions",
            "Bars: the share of the variance that the first components hold together. \(found.components(for: 0.9)) of "
                + "\(found.table.dimension) hold 90 %; RankMe \(threeFigures(found.spectrum.rankMe)), without the mean "
                + "\(threeFigures(found.spectrum.centredEffectiveRank)); \(found.table.count) pictures.",
        ]
        return ResultSheet(
            name: "spectrum.png", title: title,
            bytes: try SpectrumPlot.png(
                explained: found.explained, title: title[0], notes: Array(title.dropFirst())))
    }

    /// At most `most` of the numbers 0..<count at equal distances, both ends among them.
    private static func spread(_ count: Int, _ most: Int) -> [Int] {
        guard count > most, most > 1 else { return Array(0..<min(count, most)) }
        return (0..<most).map { $0 * (count - 1) / (most - 1) }
    }
}
