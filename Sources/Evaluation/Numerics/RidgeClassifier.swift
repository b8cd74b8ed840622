package import Autodiff

/// Least squares on targets ±1 with a penalty on the weights alone: W, b minimise Σ‖Wx + b − t‖² + α‖W‖².
package struct RidgeClassifier: Sendable {
    /// A solution.
    package struct Model: Sendable {
        /// [classes, features].
        package var weights: [Double]
        /// [classes].
        package var intercepts: [Double]
    }

    private let engine: Engine
    private let features: Int
    private let classes: Int
    private let mean: [Double]
    /// The share of each class among the targets' means.
    private let targetMeans: [Double]
    /// XᵀX of centred rows, its lower triangle.
    private let gram: [Double]
    /// TᵀX of centred targets and rows, [classes, features].
    private let products: [Double]

    /// The problem of `values` [n, features], one row a label from 0 ..< classes.
    package init(_ values: [Float], features: Int, labels: [Int], classes: Int, on engine: Engine) {
        let moments = ColumnMoments(values, features: features, on: engine)
        let ones = [Double](repeating: 1, count: features)
        let design = DesignMatrix(
            values, features: features, standardisation: Standardisation(mean: moments.mean, scale: ones), on: engine)
        gram = design.gram()
        // Centred rows sum to 0, so that only the +1 of a row's own class, 2 above the others, is left of the targets.
        let none = [Double](repeating: 0, count: classes * features)
        products = design.accumulate(none, outputs: classes, extra: 0) { rows, scores, _ in
            for (place, row) in rows.enumerated() {
                for k in 0..<classes { scores[place * classes + k] = labels[row] == k ? 2 : 0 }
            }
        }
        var counts = [Double](repeating: 0, count: classes)
        for label in labels { counts[label] += 1 }
        targetMeans = counts.map { 2 * $0 / Double(max(labels.count, 1)) - 1 }
        mean = moments.mean
        self.engine = engine
        self.features = features
        self.classes = classes
    }

    /// The solution at a penalty; nil where rounding leaves none (a penalty far below the largest eigenvalue of XᵀX).
    package func solve(alpha: Double) -> Model? {
        var matrix = gram
        for i in 0..<features { matrix[i * features + i] += alpha }
        guard let factor = Cholesky(matrix, size: features) else { return nil }
        var weights = products
        factor.solve(&weights, rows: classes)
        let intercepts = (0..<classes).map { k in
            targetMeans[k] - (0..<features).reduce(0.0) { $0 + weights[k * features + $1] * mean[$1] }
        }
        return Model(weights: weights, intercepts: intercepts)
    }

    /// The scores of rows [m, features]: [m, classes].
    package func scores(_ model: Model, _ values: [Float]) -> [Double] {
        let joined = (0..<classes).flatMap {
            model.weights[$0 * features..<($0 + 1) * features] + [model.intercepts[$0]]
        }
        return DesignMatrix(values, features: features, constant: 1, on: engine).times(joined, outputs: classes)
    }
}
