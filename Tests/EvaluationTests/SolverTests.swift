import Evaluation
import Foundation
import Testing

@Suite struct SolverTests {
    /// The gradient of C·Σ loss + ½‖W‖², computed plainly, is zero at the solution.
    @Test(arguments: [(40, 3, 2, 1.0), (700, 5, 4, 0.01), (90, 200, 3, 10), (33, 7, 5, 1000)])
    func theGradientIsZeroAtTheSolution(_ rows: Int, _ features: Int, _ classes: Int, _ C: Double) {
        let table = Samples.table(count: rows, dimension: features, classes: classes, spread: 0.5)
        let labels = table.labels ?? []
        let weights = labels.map { 1 + 0.5 * Double($0) }
        let problem = SoftmaxRegression(
            table.features, features: features, labels: labels, classes: classes, sampleWeights: weights,
            on: Samples.engine)
        let model = problem.solve(C: C, tolerance: 1e-10)
        #expect(model.gradient <= 1e-10)
        let width = features + 1
        var gradient = [Double](repeating: 0, count: classes * width)
        for c in 0..<classes {
            for i in 0..<features { gradient[c * width + i] = model.weights[c * width + i] }
        }
        for row in 0..<rows {
            let x = (0..<features).map { Double(table.features[row * features + $0]) } + [1]
            let scores = (0..<classes).map { c in (0..<width).reduce(0) { $0 + model.weights[c * width + $1] * x[$1] } }
            let total = scores.reduce(0) { $0 + exp($1) }
            for c in 0..<classes {
                let slope = C * weights[row] * (exp(scores[c]) / total - (c == labels[row] ? 1 : 0))
                for i in 0..<width { gradient[c * width + i] += slope * x[i] }
            }
        }
        let largest = gradient.reduce(0) { max($0, abs($1)) } / (C * weights.reduce(0, +))
        #expect(largest < 2e-10)
    }

    @Test func aWarmStartEndsWhereAColdOneDoes() {
        let table = Samples.table(count: 300, dimension: 20, classes: 4, spread: 0.3)
        let problem = SoftmaxRegression(
            table.features, features: 20, labels: table.labels ?? [], classes: 4, on: Samples.engine)
        let near = problem.solve(C: 0.1, tolerance: 1e-6)
        let warm = problem.solve(C: 1, from: near, tolerance: 1e-11)
        let cold = problem.solve(C: 1, tolerance: 1e-11)
        #expect(zip(warm.weights, cold.weights).allSatisfy { abs($0 - $1) < 1e-8 })
    }

    @Test func balancedWeightsGiveEachClassTheSameTotal() {
        let labels = [0, 0, 0, 1, 4, 4]
        let weights = SoftmaxRegression.balancedWeights(labels)
        for c in [0, 1, 4] {
            #expect(abs(zip(weights, labels).reduce(0) { $0 + ($1.1 == c ? $1.0 : 0) } - 2) < 1e-12)
        }
    }

    /// XᵀXW + λW = XᵀT, in both forms and over sizes around the blocks of the factorisation.
    @Test(arguments: [(5, 3), (2, 30), (150, 200), (260, 200), (97, 96), (96, 96)])
    func leastSquaresSolvesTheNormalEquations(_ rows: Int, _ features: Int) throws {
        let table = Samples.table(count: rows, dimension: features, classes: 2)
        let labels = table.labels ?? []
        let classifier = LeastSquaresClassifier(
            table.features, features: features, labels: labels, classes: 2, on: Samples.engine)
        let weights = try #require(classifier.weights(l2: 3))
        let (mean, scale) = (classifier.standardisation.mean, classifier.standardisation.scale)
        let x = (0..<rows).map { row in
            (0..<features).map { (Double(table.features[row * features + $0]) - mean[$0]) / scale[$0] } + [100]
        }
        for c in 0..<2 {
            let errors = (0..<rows).map { row in
                (0...features).reduce(labels[row] == c ? -1 : 1) { $0 + x[row][$1] * weights[$1 * 2 + c] }
            }
            for i in 0...features {
                let gradient = (0..<rows).reduce(3 * weights[i * 2 + c]) { $0 + x[$1][i] * errors[$1] }
                #expect(abs(gradient) < 1e-7)
            }
        }
    }
}
