public import Autodiff
import Foundation

/// Figures of how features lie among each other that need more than their spectrum.
public enum FeatureGeometry {
    /// log of the mean of exp(−t·‖u − v‖²) over pairs of different rows, brought to length 1 (Wang and Isola,
    /// arXiv 2005.10242): 0 for a constant, lower the more even.
    public static func uniformity(_ features: [Double], rows: Int, width: Int, t: Double = 2) -> Double {
        precondition(features.count == rows * width && rows >= 2, "\(features.count) numbers for \(rows) x \(width)")
        let unit = unitRows(features, width: width)
        let cosines = Gram.matrix(unit, rows: rows, width: width, ofRows: true)
        var sum = 0.0
        for i in 1..<rows { for j in 0..<i { sum += exp(-t * max(0, 2 - 2 * cosines[i * rows + j])) } }
        return log(sum / (Double(rows) * Double(rows - 1) / 2))
    }

    /// Rows divided by their length, or by 1e-12 where that is larger.
    public static func unitRows(_ features: [Double], width: Int) -> [Double] {
        stride(from: 0, to: features.count, by: width).flatMap { start in
            let row = features[start..<start + width]
            let length = max(1e-12, row.reduce(0) { $0 + $1 * $1 }.squareRoot())
            return row.map { $0 / length }
        }
    }

    /// The distance of each row to its `count`-th nearest among others, all brought to length 1 (Sun et al.,
    /// arXiv 2204.06507); to the farthest where there are fewer.
    public static func neighbourDistances(
        _ features: [Float], among others: [Float], width: Int, count: Int, on engine: Engine
    ) -> [Double] {
        let found = NearestNeighbours(of: features, among: others, features: width, count: count, on: engine)
        return (0..<features.count / width).map { row in
            guard found.count > 0 else { return 0 }
            // |u − v|² = 2 − 2 cos for unit vectors.
            return max(0, 2 - 2 * found.similarities[(row + 1) * found.count - 1]).squareRoot()
        }
    }

    /// LiDAR (Thilak et al., arXiv 2312.04000): the directions that tell objects apart beside what their views differ by, of
    /// `objects` · `views` rows in which the views of an object follow each other.
    ///
    /// The eigenvalues, falling, are those of Sw^(−½)·Sb·Sw^(−½), with Sb of the objects' means, divided by objects − 1, and Sw
    /// within objects, divided by objects·(views − 1), plus `delta` on its diagonal; the figure is exp of the entropy of their
    /// shares + `epsilon`. nil where Sw is singular.
    public static func lidar(
        _ features: [Double], width: Int, objects: Int, views: Int, delta: Double = 1e-4, epsilon: Double = 1e-8
    ) -> (value: Double, eigenvalues: [Double])? {
        precondition(
            objects >= 2 && views >= 2 && features.count == objects * views * width,
            "\(features.count) numbers for \(objects) objects of \(views) views")
        var means = [Double](repeating: 0, count: objects * width)
        for (place, value) in features.enumerated() {
            means[place / width / views * width + place % width] += value / Double(views)
        }
        let residuals = features.indices.map { features[$0] - means[$0 / width / views * width + $0 % width] }
        var within = Gram.matrix(residuals, rows: objects * views, width: width).map {
            $0 / Double(objects * (views - 1))
        }
        for i in 0..<width { within[i * width + i] += delta }
        let centred = ColumnMeans(means, width: width).centred(means)
        guard let factor = Cholesky(within, size: width) else { return nil }
        // Sb = MᵀM; M·L⁻ᵀ has the singular values that are wanted.
        var whitened = centred
        factor.divideByTransposedFactor(&whitened, rows: objects)
        let matrix = Gram.matrix(whitened, rows: objects, width: width).map { $0 / Double(objects - 1) }
        let eigenvalues = SymmetricEigen(matrix, size: width).values.map { max($0, 0) }
        return (FeatureSpectrum.entropyRank(eigenvalues, epsilon: epsilon), eigenvalues)
    }
}
