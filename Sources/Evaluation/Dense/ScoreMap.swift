package import ImageMasking

/// Scores of patches as scores of pixels.
package enum ScoreMap {
    /// The best class of each pixel [height, width] by scores of patches [patches, classes], which are interpolated bilinearly between
    /// the centres of patches and are those of the outermost patches beyond them; the lower class of equal ones.
    package static func best(
        _ scores: ArraySlice<Double>, classes: Int, grid: PatchGrid, height: Int, width: Int
    ) -> [Int32] {
        let rows = Axis(from: grid.rows, to: height)
        let columns = Axis(from: grid.columns, to: width)
        var best = [Int32](repeating: 0, count: height * width)
        var line = [Double](repeating: 0, count: grid.columns * classes)
        scores.withUnsafeBufferPointer { scores in
            for y in 0..<height {
                // First between two rows of patches, then along the line.
                let (above, below, down) = rows[y]
                let (upper, lower) = (above * grid.columns * classes, below * grid.columns * classes)
                for i in line.indices { line[i] = scores[upper + i] + (scores[lower + i] - scores[upper + i]) * down }
                for x in 0..<width {
                    let (left, right, along) = columns[x]
                    var (winner, largest) = (0, -Double.infinity)
                    for k in 0..<classes {
                        let (a, b) = (line[left * classes + k], line[right * classes + k])
                        let score = a + (b - a) * along
                        if score > largest { (winner, largest) = (k, score) }
                    }
                    best[y * width + x] = Int32(winner)
                }
            }
        }
        return best
    }

    /// For each of `to` places along an axis the two of `from` cells that it lies between, and how far it is from the first.
    private struct Axis {
        private let places: [(first: Int, second: Int, share: Double)]

        init(from cells: Int, to count: Int) {
            places = (0..<count).map { pixel in
                let place = (Double(pixel) + 0.5) * Double(cells) / Double(count) - 0.5
                let inside = min(max(place, 0), Double(cells - 1))
                let first = Int(inside)
                return (first, min(first + 1, cells - 1), inside - Double(first))
            }
        }

        subscript(_ pixel: Int) -> (Int, Int, Double) { places[pixel] }
    }
}
