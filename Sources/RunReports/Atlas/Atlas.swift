package import Autodiff
package import Evaluation
import Foundation
package import ImageData
package import Pretraining
import RecipeSchema
import Reporting

/// Every picture of a source at its place on a map of its features, with what is known of it: what `pretrain atlas` writes.
package struct Atlas {
    /// What was found in the features.
    let found: Exploration
    /// The place of each row, both coordinates in [0, 1]. Pictures that are the same have the same place.
    let points: [SIMD2<Float>]
    /// What the map gets wrong, in nats.
    let divergence: Double
    let perplexity: Double
    let sprite: PictureSprite

    /// Most pictures: so many a browser moves without a stop.
    package static let most = 20_000
    /// Neighbours that are told of each picture.
    package static let neighbours = 8

    /// Throws where so many pictures make no map.
    package static func require(_ pictures: Int) throws(EvaluationError) {
        guard pictures > most else { return }
        throw EvaluationError(
            "\(pictures) pictures are too many for an atlas, which holds \(most); name a folder with a part of them")
    }

    /// The atlas of what was found in a source, whose pictures a transform shows to the encoder. `found` has every row as a query.
    package init(
        _ found: Exploration, _ source: any ImageSource, _ recipe: Recipe, _ transform: EvaluationTransform,
        on engine: Engine, onProgress: (_ what: String, _ done: Int, _ total: Int) -> Void
    ) throws {
        let table = found.table
        precondition(found.queries.count == table.count, "an atlas of some neighbours")
        self.found = found
        let distinct = found.duplicates.distinct
        guard distinct.count >= Exploration.fewest, found.spectrum.centredEffectiveRank > 0 else {
            throw EvaluationError(
                "the features of these pictures are all the same, so there is no map of them; `pretrain diagnose` tells more of the "
                    + "encoder")
        }
        let map = NeighbourMap(table.rows(distinct).features, width: table.dimension, on: engine) {
            onProgress("the map", $0, $1)
        }
        divergence = map.divergence
        perplexity = map.perplexity
        var points = [SIMD2<Float>](repeating: .zero, count: table.count)
        let placed = Self.inUnitSquare(map.points)
        for (row, point) in zip(distinct, placed) { points[row] = point }
        for group in found.duplicates.same { for row in group { points[row] = points[group[0]] } }
        self.points = points

        let shown = SheetPictures(source, table, recipe, transform)
        let side = PictureSprite.side(of: table.count)
        let first = try shown.picture(0, within: side)
        var sprite = PictureSprite(count: table.count, height: first.height, width: first.width)
        for row in 0..<table.count {
            sprite.set(row, try shown.picture(row, within: side))
            if row % 100 == 99 || row + 1 == table.count { onProgress("small pictures", row + 1, table.count) }
        }
        self.sprite = sprite
    }

    /// Points moved and stretched by one factor into the unit square, in its middle.
    static func inUnitSquare(_ points: [SIMD2<Double>]) -> [SIMD2<Float>] {
        let low = points.reduce(SIMD2(repeating: .infinity)) { pointwiseMin($0, $1) }
        let high = points.reduce(SIMD2(repeating: -.infinity)) { pointwiseMax($0, $1) }
        let side = max((high - low).max(), .leastNormalMagnitude)
        return points.map { SIMD2<Float>(($0 - (low + high) / 2) / side + 0.5) }
    }

    /// How the map is made and read, in a sentence.
    package var reading: String {
        "places by t-SNE (perplexity \(threeFigures(perplexity)), divergence \(threeFigures(divergence)) nats); near pictures are alike, "
            + "the distance of far ones says little. Unusual is who lies far from the tenth neighbour."
    }
}
