package import Autodiff

/// A linear classifier behind a batch normalisation without scale and shift, trained by LARS (MAE's `main_linprobe.py`).
package struct BatchNormHead: Sendable {
    /// The numbers of the head and of its optimiser that do not change during training.
    package struct Constants: Sendable {
        /// Added to the variance under the root.
        package var epsilon = 1e-6
        /// Share of a batch in the running mean and variance.
        package var statisticsMomentum = 0.1
        /// Share of the old step in the new one.
        package var momentum = 0.9
        /// Length of a step of the weight against the length of the weight, at rate 1.
        package var trust = 0.001
        /// Times the weight, added to its gradient.
        package var weightDecay = 0.0

        /// MAE's numbers.
        package init() {}
    }

    /// What happened at a step, before the update.
    package struct Step: Sendable {
        /// The batch after the normalisation [rows, features].
        package var normalised: [Double]
        /// The scores of the batch [rows, classes].
        package var logits: [Double]
        /// The mean cross-entropy.
        package var loss: Double
        /// Gradient of the weight [classes, features], without decay.
        package var weightGradient: [Double]
        /// Gradient of the bias [classes].
        package var biasGradient: [Double]
    }

    package let features: Int
    package let classes: Int
    package var weight: [Double]
    package var bias: [Double]
    package private(set) var weightMomentum: [Double]
    package private(set) var biasMomentum: [Double]
    package private(set) var runningMean: [Double]
    package private(set) var runningVariance: [Double]
    private let constants: Constants
    private let engine: Engine

    /// A head of `weight` [classes, features] and `bias` [classes]; running mean 0, running variance 1.
    package init(weight: [Double], bias: [Double], constants: Constants = Constants(), on engine: Engine) {
        classes = bias.count
        features = weight.count / max(bias.count, 1)
        self.weight = weight
        self.bias = bias
        self.constants = constants
        self.engine = engine
        weightMomentum = [Double](repeating: 0, count: weight.count)
        biasMomentum = [Double](repeating: 0, count: bias.count)
        runningMean = [Double](repeating: 0, count: features)
        runningVariance = [Double](repeating: 1, count: features)
    }

    /// One step on a batch [rows, features] with its labels; returns the loss before it.
    @discardableResult
    package mutating func train(_ batch: [Float], labels: [Int], learningRate: Double) -> Double {
        let design = normalise(batch)
        let (loss, weightGradient, biasGradient) = gradients(design, labels)
        update(weightGradient, biasGradient, learningRate)
        return loss
    }

    /// The same step, with all values on the way.
    package mutating func tracedStep(_ batch: [Float], labels: [Int], learningRate: Double) -> Step {
        let design = normalise(batch)
        let (loss, weightGradient, biasGradient) = gradients(design, labels)
        var normalised = [Double](repeating: 0, count: design.rows * design.columns)
        normalised.withUnsafeMutableBufferPointer {
            if let base = $0.baseAddress { design.load(0..<design.rows, into: base) }
        }
        let kept = normalised.indices.filter { $0 % design.columns < features }.map { normalised[$0] }
        let step = Step(
            normalised: kept, logits: design.times(joined, outputs: classes), loss: loss,
            weightGradient: weightGradient, biasGradient: biasGradient)
        update(weightGradient, biasGradient, learningRate)
        return step
    }

    /// The scores of rows [n, features], normalised by the running values: [n, classes].
    package func logits(_ values: [Float]) -> [Double] {
        let standardisation = Standardisation(
            mean: runningMean, scale: runningVariance.map { ($0 + constants.epsilon).squareRoot() })
        return DesignMatrix(values, features: features, constant: 1, standardisation: standardisation, on: engine)
            .times(joined, outputs: classes)
    }

    /// Weight and bias side by side: the bias is the weight of a constant feature.
    private var joined: [Double] {
        (0..<classes).flatMap { weight[($0 * features)..<(($0 + 1) * features)] + [bias[$0]] }
    }

    /// Normalises by the batch (biased variance) and moves the running values (unbiased variance).
    private mutating func normalise(_ batch: [Float]) -> DesignMatrix {
        let moments = ColumnMoments(batch, features: features, on: engine)
        let rows = Double(moments.rows)
        let share = constants.statisticsMomentum
        for i in 0..<features {
            runningMean[i] += share * (moments.mean[i] - runningMean[i])
            runningVariance[i] += share * (moments.squares[i] / max(rows - 1, 1) - runningVariance[i])
        }
        let scale = moments.squares.map { ($0 / rows + constants.epsilon).squareRoot() }
        return DesignMatrix(
            batch, features: features, constant: 1, standardisation: Standardisation(mean: moments.mean, scale: scale),
            on: engine)
    }

    private func gradients(
        _ design: DesignMatrix, _ labels: [Int]
    ) -> (loss: Double, weight: [Double], bias: [Double]) {
        let (loss, gradient) = design.crossEntropy(
            joined, labels: labels, classes: classes, sampleWeights: nil, probabilities: nil)
        let rows = Double(design.rows)
        let width = features + 1
        return (
            loss / rows,
            (0..<classes).flatMap { c in (0..<features).map { gradient[c * width + $0] / rows } },
            (0..<classes).map { gradient[$0 * width + features] / rows }
        )
    }

    /// LARS: decay and trust ratio for the weight, neither for the bias.
    private mutating func update(_ weightGradient: [Double], _ biasGradient: [Double], _ learningRate: Double) {
        let decayed = zip(weightGradient, weight).map { $0 + constants.weightDecay * $1 }
        let (weightNorm, gradientNorm) = (norm(weight), norm(decayed))
        let ratio = weightNorm > 0 && gradientNorm > 0 ? constants.trust * weightNorm / gradientNorm : 1
        for i in weight.indices {
            weightMomentum[i] = constants.momentum * weightMomentum[i] + ratio * decayed[i]
            weight[i] -= learningRate * weightMomentum[i]
        }
        for i in bias.indices {
            biasMomentum[i] = constants.momentum * biasMomentum[i] + biasGradient[i]
            bias[i] -= learningRate * biasMomentum[i]
        }
    }

    private func norm(_ values: [Double]) -> Double { values.reduce(0) { $0 + $1 * $1 }.squareRoot() }
}
