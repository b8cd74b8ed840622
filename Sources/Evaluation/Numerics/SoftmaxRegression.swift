package import Autodiff

/// Multinomial logistic regression with an L2 penalty on the weights and free intercepts.
///
/// Objective: C·Σᵢ sᵢ·(−log softmax(W xᵢ + b)[yᵢ]) + ½‖W‖²_F, the one of scikit-learn's `LogisticRegression`. It is solved
/// by Newton's method; each Newton step comes from conjugate gradients over products with the Hessian, preconditioned by
/// the matrix that the Hessian would be if all samples were equally uncertain. Two classes with one vector w and
/// objective C·Σ log(1 + exp(−tᵢ(w·xᵢ + b))) + ½‖w‖² are this model at C/2, with w = W₁ − W₀.
package struct SoftmaxRegression {
    /// A model: weights [classes, features + 1], the last column the intercepts.
    package struct Model: Sendable {
        package var weights: [Double]
        /// The objective at these weights.
        package var objective: Double
        /// The largest entry of the gradient over C·Σsᵢ.
        package var gradient: Double
        package var newtonSteps: Int
        package var products: Int
    }

    let design: DesignMatrix
    let labels: [Int]
    let classes: Int
    /// The weight of each sample; nil: all 1.
    let sampleWeights: [Double]?

    private let totalWeight: Double
    private let gram: [Double]

    /// The problem of rows `values` [n, features] with `labels` from 0 ..< classes.
    package init(
        _ values: [Float], features: Int, standardisation: Standardisation? = nil, labels: [Int], classes: Int,
        sampleWeights: [Double]? = nil, on engine: Engine
    ) {
        design = DesignMatrix(
            values, features: features, constant: 1, standardisation: standardisation, on: engine)
        precondition(labels.count == design.rows, "\(labels.count) labels for \(design.rows) rows")
        self.labels = labels
        self.classes = classes
        self.sampleWeights = sampleWeights
        totalWeight = sampleWeights?.reduce(0, +) ?? Double(labels.count)
        gram = design.gram()
    }

    /// Weights n/(K·n_k) of each sample, so that all classes weigh the same; absent classes do not count in K.
    package static func balancedWeights(_ labels: [Int]) -> [Double] {
        let counts = labels.reduce(into: [Int: Int]()) { $0[$1, default: 0] += 1 }
        return labels.map { Double(labels.count) / Double(counts.count * (counts[$0] ?? 1)) }
    }

    /// Solves for one C, from the weights of another model or from zero, until the largest entry of the gradient over
    /// C·Σsᵢ is below `tolerance` (or rounding allows no further descent).
    package func solve(C: Double, from start: Model? = nil, tolerance: Double) -> Model {
        let width = design.columns
        var model = Model(
            weights: start?.weights ?? [Double](repeating: 0, count: classes * width), objective: 0, gradient: 0,
            newtonSteps: 0, products: 0)
        var point = evaluate(model.weights, C: C)
        var preconditioner: (weight: Double, factor: Cholesky)?
        while true {
            model.objective = point.objective
            model.gradient = largest(point.gradient) / (C * totalWeight)
            guard model.gradient > tolerance, model.newtonSteps < 200 else { return model }
            let weight = meanCurvature(point.probabilities)
            if preconditioner.map({ weight < 0.7 * $0.weight || weight > 1.4 * $0.weight }) ?? true {
                preconditioner = (weight, factor(weight: weight, C: C))
            }
            guard let factor = preconditioner?.factor else { return model }
            let forcing = min(0.1, model.gradient.squareRoot())
            let (step, products) = newtonStep(point, C: C, factor, forcing: forcing)
            model.products += products
            model.newtonSteps += 1
            let slope = dot(step, point.gradient)
            var length = 1.0
            var next = point
            var weights = model.weights
            repeat {
                for i in weights.indices { weights[i] = model.weights[i] + length * step[i] }
                next = evaluate(weights, C: C)
                // Near the solution the objective no longer tells two points apart; the gradient still does.
                if next.objective <= point.objective + 1e-4 * length * slope
                    || (next.objective <= point.objective * (1 + 1e-13)
                        && largest(next.gradient) < largest(point.gradient))
                {
                    break
                }
                length /= 2
            } while length > 1e-6
            guard length > 1e-6 else { return model }
            model.weights = weights
            point = next
        }
    }

    /// Objective, gradient [classes, features + 1] and probabilities [rows, classes].
    private struct Point {
        var objective: Double
        var gradient: [Double]
        var probabilities: [Double]
    }

    private func evaluate(_ weights: [Double], C: Double) -> Point {
        let width = design.columns
        var probabilities = [Double](repeating: 0, count: design.rows * classes)
        var (loss, gradient) = probabilities.withUnsafeMutableBufferPointer { probabilities in
            design.crossEntropy(
                weights, labels: labels, classes: classes, sampleWeights: sampleWeights,
                probabilities: probabilities.baseAddress)
        }
        loss *= C
        for k in 0..<classes {
            for i in 0..<width {
                let place = k * width + i
                gradient[place] *= C
                guard i < width - 1 else { continue }
                gradient[place] += weights[place]
                loss += 0.5 * weights[place] * weights[place]
            }
        }
        return Point(objective: loss, gradient: gradient, probabilities: probabilities)
    }

    /// The Hessian at a point times a direction.
    private func product(_ direction: [Double], _ point: Point, C: Double) -> [Double] {
        let width = design.columns
        var sums = point.probabilities.withUnsafeBufferPointer { all in
            design.accumulate(direction, outputs: classes, extra: 0) { rows, scores, _ in
                guard let probabilities = all.baseAddress else { return }
                for (place, row) in rows.enumerated() {
                    let z = scores + place * classes
                    let p = probabilities + row * classes
                    var mean = 0.0
                    for k in 0..<classes { mean += p[k] * z[k] }
                    let weight = sampleWeights?[row] ?? 1
                    for k in 0..<classes { z[k] = weight * p[k] * (z[k] - mean) }
                }
            }
        }
        for k in 0..<classes {
            for i in 0..<width {
                let place = k * width + i
                sums[place] = C * sums[place] + (i < width - 1 ? direction[place] : 0)
            }
        }
        return sums
    }

    /// Conjugate gradients for H·step = −gradient, until the preconditioned residual is `forcing` times its start.
    private func newtonStep(
        _ point: Point, C: Double, _ factor: Cholesky, forcing: Double
    ) -> (step: [Double], products: Int) {
        var step = [Double](repeating: 0, count: point.gradient.count)
        var residual = point.gradient.map { -$0 }
        var solved = residual
        factor.solve(&solved, rows: classes)
        var direction = solved
        var size = dot(residual, solved)
        let goal = size * forcing * forcing
        var products = 0
        while size > goal, products < 500 {
            let image = product(direction, point, C: C)
            products += 1
            let curvature = dot(direction, image)
            guard curvature > 0 else { break }
            let length = size / curvature
            for i in step.indices {
                step[i] += length * direction[i]
                residual[i] -= length * image[i]
            }
            solved = residual
            factor.solve(&solved, rows: classes)
            let next = dot(residual, solved)
            let ratio = next / size
            for i in direction.indices { direction[i] = solved[i] + ratio * direction[i] }
            size = next
        }
        return (step, products)
    }

    /// Mean over the samples of the mean eigenvalue of diag(p) − ppᵀ, its zero apart.
    private func meanCurvature(_ probabilities: [Double]) -> Double {
        var total = 0.0
        for row in 0..<design.rows {
            var squares = 0.0
            for k in 0..<classes { squares += probabilities[row * classes + k] * probabilities[row * classes + k] }
            total += (sampleWeights?[row] ?? 1) * (1 - squares)
        }
        // Where every sample is certain, what is left is the penalty.
        return max(total / Double(max(classes - 1, 1)) / totalWeight, 1e-12)
    }

    /// The factor of C·weight·XᵀX + 1 on the penalised part.
    private func factor(weight: Double, C: Double) -> Cholesky {
        let width = design.columns
        let scale = C * weight * totalWeight / Double(design.rows)
        var ridge = 0.0
        while true {
            var matrix = gram
            for i in matrix.indices { matrix[i] *= scale }
            for i in 0..<width { matrix[i * width + i] += (i < width - 1 ? 1 : 0) + ridge }
            if let factor = Cholesky(matrix, size: width) { return factor }
            ridge = max(ridge * 100, 1e-10 * (0..<width).reduce(1) { max($0, scale * gram[$1 * width + $1]) })
        }
    }

    private func dot(_ a: [Double], _ b: [Double]) -> Double {
        a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in
                guard let x = a.baseAddress, let y = b.baseAddress else { return 0 }
                return BLAS.dot(x, y, count: a.count)
            }
        }
    }

    private func largest(_ values: [Double]) -> Double { values.reduce(0) { max($0, abs($1)) } }
}

extension SoftmaxRegression {
    /// The scores W·x + b of rows [n, features]: [n, classes].
    package static func scores(
        _ weights: [Double], classes: Int, _ values: [Float], features: Int, standardisation: Standardisation? = nil,
        on engine: Engine
    ) -> [Double] {
        let design = DesignMatrix(
            values, features: features, constant: 1, standardisation: standardisation, on: engine)
        return design.times(weights, outputs: classes)
    }

    /// The softmax of the scores: [n, classes].
    package static func probabilities(
        _ weights: [Double], classes: Int, _ values: [Float], features: Int, on engine: Engine
    ) -> [Double] {
        var scores = scores(weights, classes: classes, values, features: features, on: engine)
        scores.withUnsafeMutableBufferPointer { scores in
            guard let base = scores.baseAddress else { return }
            for row in 0..<(scores.count / classes) { softmax(base + row * classes, count: classes) }
        }
        return scores
    }
}
