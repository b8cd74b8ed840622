import Foundation

extension DesignMatrix {
    /// Σ over rows of f(x·Wᵀ)ᵀ·x [outputs, columns] for a function f of the scores of some rows, which replaces them in
    /// place; `extra` numbers at the end of the sum are for f to use.
    func accumulate(
        _ weights: [Double], outputs: Int, extra: Int,
        _ replace: (Range<Int>, UnsafeMutablePointer<Double>, UnsafeMutablePointer<Double>) -> Void
    ) -> [Double] {
        let width = columns
        precondition(weights.count == outputs * width, "\(weights.count) weights for \(outputs) x \(width)")
        return weights.withUnsafeBufferPointer { weights in
            Slabs.sum(rows: rows, length: outputs * width + extra, on: engine) { slab, sum in
                guard let weights = weights.baseAddress else { return }
                withUnsafeTemporaryAllocation(of: Double.self, capacity: Self.blockRows * outputs) { buffer in
                    guard let scores = buffer.baseAddress else { return }
                    forEachBlock(of: slab) { rows, block in
                        BLAS.multiply(
                            m: rows.count, n: outputs, k: width, .plain(block, stride: width),
                            .transpose(weights, stride: width), into: scores, stride: outputs)
                        replace(rows, scores, sum)
                        BLAS.multiply(
                            m: outputs, n: width, k: rows.count, .transpose(scores, stride: outputs),
                            .plain(block, stride: width), beta: 1, into: sum, stride: width)
                    }
                }
            }
        }
    }

    /// Σ sᵢ·(−log softmax(W·xᵢ)[yᵢ]) and its gradient [classes, columns]; the probabilities [rows, classes] are written
    /// where a place is given. Without sample weights all sᵢ are 1.
    func crossEntropy(
        _ weights: [Double], labels: [Int], classes: Int, sampleWeights: [Double]?,
        probabilities: UnsafeMutablePointer<Double>?
    ) -> (loss: Double, gradient: [Double]) {
        let place = classes * columns
        var sums = accumulate(weights, outputs: classes, extra: 1) { rows, scores, sum in
            for (offset, row) in rows.enumerated() {
                let z = scores + offset * classes
                let weight = sampleWeights?[row] ?? 1
                let label = labels[row]
                let logit = z[label]
                sum[place] += weight * (softmax(z, count: classes) - logit)
                for k in 0..<classes {
                    if let probabilities { probabilities[row * classes + k] = z[k] }
                    z[k] *= weight
                }
                z[label] -= weight
            }
        }
        let loss = sums.removeLast()
        return (loss, sums)
    }
}

/// Replaces scores by their softmax; returns log Σ exp of them.
@discardableResult
func softmax(_ scores: UnsafeMutablePointer<Double>, count: Int) -> Double {
    var largest = -Double.infinity
    for k in 0..<count { largest = max(largest, scores[k]) }
    var total = 0.0
    for k in 0..<count {
        scores[k] = exp(scores[k] - largest)
        total += scores[k]
    }
    for k in 0..<count { scores[k] /= total }
    return largest + log(total)
}
