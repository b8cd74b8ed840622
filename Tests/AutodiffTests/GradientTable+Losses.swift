import Autodiff
import Foundation

let lossCases: [GradientCase] = distanceCases + maskedCases + entropyCases + givenCases

private let distanceCases: [GradientCase] = [[1], [2, 3], [5, 33], []].flatMap { (shape: [Int]) -> [GradientCase] in
    [
        GradientCase(.meanSquared, "\(shape)", [.init(shape)]) { tape, v in
            tape.meanSquared(v[0], target: sampleTensor(shape, stream: "target"))
        } twin: { x in
            let target = sampleDoubles(shape, stream: "target")
            return Twin.mean(zip(x[0].values, target.values).map { ($0 - $1) * ($0 - $1) })
        },
        GradientCase(.smoothL1, "\(shape)", [.init(shape)]) { tape, v in
            tape.smoothL1(v[0], target: sampleTensor(shape, stream: "target"), beta: 0.75)
        } twin: { x in
            let target = sampleDoubles(shape, stream: "target")
            return Twin.mean(
                zip(x[0].values, target.values).map {
                    let d = abs($0 - $1)
                    return d < 0.75 ? d * d / 1.5 : d - 0.375
                })
        },
        GradientCase(.l1, "\(shape)", [.init(shape)]) { tape, v in
            tape.l1(v[0], target: sampleTensor(shape, stream: "target"))
        } twin: { x in
            let target = sampleDoubles(shape, stream: "target")
            return Twin.mean(zip(x[0].values, target.values).map { abs($0 - $1) })
        },
    ]
}

private let maskedCases: [GradientCase] =
    [([2, 3, 5], [1, 0, 1, 0, 0, 1]), ([1, 1, 1], [1]), ([4, 17], [0, 0.5, 2, 1])].map {
        (shape: [Int], mask: [Float]) in
        GradientCase(.maskedMeanSquared, "\(shape)", [.init(shape)]) { tape, v in
            tape.maskedMeanSquared(
                v[0], target: sampleTensor(shape, stream: "target"), mask: Tensor(mask, Shape(shape.dropLast()))
            ).loss
        } twin: { x in
            let target = sampleDoubles(shape, stream: "target")
            let columns = x[0].columns
            var sum = 0.0
            for row in 0..<x[0].rows {
                for column in 0..<columns {
                    let d = x[0].values[row * columns + column] - target.values[row * columns + column]
                    sum += Double(mask[row]) * d * d / Double(columns)
                }
            }
            return Doubles([], [sum / Double(mask.reduce(0, +))])
        }
    }

private let entropyCases: [GradientCase] =
    [([3, 5], [4, 0, 2]), ([1, 1], [0]), ([2, 2, 17], [16, 3, 0, 9])].map { (shape: [Int], labels: [Int]) in
        GradientCase(.crossEntropy, "labels \(shape)", [.init(shape)]) { tape, v in
            tape.crossEntropy(v[0], labels: labels)
        } twin: { x in
            let p = x[0].mapRows(Twin.softmax)
            return Twin.mean(labels.enumerated().map { row, label in -log(p.values[row * p.columns + label]) })
        }
    }
    + [[3, 5], [1, 1], [2, 9]].map { (shape: [Int]) in
        GradientCase(.crossEntropy, "targets \(shape)", [.init(shape)]) { tape, v in
            tape.crossEntropy(v[0], targets: sampleTensor(shape, .positive, stream: "target"))
        } twin: { x in
            let p = x[0].mapRows(Twin.softmax)
            let target = sampleDoubles(shape, .positive, stream: "target")
            let terms = zip(p.values, target.values).map { -$1 * log($0) }
            return Doubles([], [terms.reduce(0, +) / Double(p.rows)])
        }
    }
    + [([3, 5], 1e-12), ([1, 1], 1e-12), ([2, 3, 17], 1e-12), ([3, 5], 100)].map { (shape: [Int], epsilon: Double) in
        GradientCase(.cosine, "\(shape), epsilon \(epsilon)", [.init(shape, .awayFromZero)]) { tape, v in
            tape.cosine(v[0], target: sampleTensor(shape, stream: "target"), epsilon: Float(epsilon))
        } twin: { x in
            let target = sampleDoubles(shape, stream: "target")
            let columns = x[0].columns
            return Twin.mean(
                (0..<x[0].rows).map { row in
                    let a = x[0].values[row * columns..<(row + 1) * columns]
                    let b = target.values[row * columns..<(row + 1) * columns]
                    let length = { (v: ArraySlice<Double>) in max(v.reduce(0) { $0 + $1 * $1 }.squareRoot(), epsilon) }
                    return 1 - zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } / (length(a) * length(b))
                })
        }
    }

/// Σ x⁴, computed by hand.
private let givenCases: [GradientCase] = [[1], [2, 3], [5, 33]].map { (shape: [Int]) in
    GradientCase(.givenLoss, "\(shape)", [.init(shape, .awayFromZero)]) { tape, v in
        let values = v[0].value.array
        let value = values.reduce(0.0) { $0 + Double($1 * $1 * $1 * $1) }
        return tape.loss(value, of: v[0], slope: Tensor(values.map { 4 * $0 * $0 * $0 }, Shape(shape)))
    } twin: { x in
        Doubles([], [x[0].values.reduce(0) { $0 + $1 * $1 * $1 * $1 }])
    }
}
