import Autodiff
import Foundation

let normalizationCases: [GradientCase] =
    [[1, 3], [5, 8], [2, 3, 24], [40, 33], [3, 1], [0, 4]].flatMap { (shape: [Int]) -> [GradientCase] in
        let columns = shape[shape.count - 1]
        return [
            GradientCase(
                .layerNorm, "\(shape)", [.init(shape), .init([columns]), .init([columns])], tolerance: 1e-5
            ) { tape, v in
                tape.layerNorm(v[0], weight: v[1], bias: v[2])
            } twin: { x in
                Twin.layerNorm(x[0], x[1], x[2])
            },
            GradientCase(.layerNorm, "\(shape) without weights", [.init(shape)], tolerance: 1e-5) { tape, v in
                tape.layerNorm(v[0], epsilon: 1e-5)
            } twin: { x in
                Twin.layerNorm(x[0], epsilon: 1e-5)
            },
        ]
    }
    + rootMeanSquareCases + rotationCases
    + [[3, 1], [7, 5], [33, 17], [1, 3]].flatMap { (shape: [Int]) -> [GradientCase] in
        [
            GradientCase(
                .batchNorm, "\(shape)", [.init(shape), .init([shape[1]]), .init([shape[1]])], tolerance: 1e-5
            ) { tape, v in
                tape.batchNorm(v[0], weight: v[1], bias: v[2]).output
            } twin: { x in
                let columns = Twin.transpose(x[0]).mapRows { Twin.normalized($0, epsilon: 1e-5) }
                return .combine(.combine(Twin.transpose(columns), x[1], *), x[2], +)
            },
            GradientCase(.batchNorm, "\(shape) without weights", [.init(shape)], tolerance: 1e-5) { tape, v in
                tape.batchNorm(v[0], epsilon: 1e-6).output
            } twin: { x in
                Twin.transpose(Twin.transpose(x[0]).mapRows { Twin.normalized($0, epsilon: 1e-6) })
            },
        ]
    }
    + [[1, 3], [5, 8], [2, 3, 17], [3, 1], [0, 4]].map { (shape: [Int]) in
        GradientCase(.normalizeRows, "\(shape)", [.init(shape, .awayFromZero)]) { tape, v in
            tape.normalizeRows(v[0])
        } twin: { x in
            Twin.normalizeRows(x[0])
        }
    }
    + [
        GradientCase(.normalizeRows, "shorter than epsilon", [.init([3, 5])]) { tape, v in
            tape.normalizeRows(v[0], epsilon: 100)
        } twin: { x in
            Twin.normalizeRows(x[0], epsilon: 100)
        }
    ]

let elementCases: [GradientCase] = functionCases + softmaxCases

private let functionCases: [GradientCase] = [1, 7, 8, 9, 31, 33].flatMap { (count: Int) -> [GradientCase] in
    [
        function(.gelu, count, .any, { $0.gelu($1) }, Twin.gelu),
        function(.relu, count, .awayFromZero, { $0.relu($1) }, { max($0, 0) }),
        function(.sigmoid, count, .any, { $0.sigmoid($1) }, { 1 / (1 + exp(-$0)) }),
        function(.tanh, count, .any, { $0.tanh($1) }, { tanh($0) }),
        function(.exp, count, .any, { $0.exp($1) }, { exp($0) }),
        function(.log, count, .positive, { $0.log($1) }, { log($0) }),
        function(.sqrt, count, .positive, { $0.sqrt($1) }, { $0.squareRoot() }),
        function(.square, count, .any, { $0.square($1) }, { $0 * $0 }),
    ]
}

private func function(
    _ primitive: Primitive, _ count: Int, _ numbers: GradientCase.Numbers,
    _ apply: @escaping @Sendable (inout Tape, Variable) -> Variable, _ twin: @escaping @Sendable (Double) -> Double
) -> GradientCase {
    GradientCase(primitive, "\(count)", [.init([count], numbers)]) { tape, v in
        apply(&tape, v[0])
    } twin: { x in
        x[0].map(twin)
    }
}

private let softmaxCases: [GradientCase] =
    [[1, 1], [5, 3], [2, 3, 8], [1, 17], [3, 33], [0, 4]].flatMap { (shape: [Int]) -> [GradientCase] in
        [
            GradientCase(.softmax, "\(shape)", [.init(shape)]) { tape, v in
                tape.softmax(v[0])
            } twin: { x in
                x[0].mapRows(Twin.softmax)
            },
            GradientCase(.logSoftmax, "\(shape)", [.init(shape)]) { tape, v in
                tape.logSoftmax(v[0])
            } twin: { x in
                x[0].mapRows { Twin.softmax($0).map { log($0) } }
            },
        ]
    }

private let rootMeanSquareCases: [GradientCase] =
    [[1, 3], [5, 8], [2, 3, 24], [40, 33], [3, 1], [0, 4]].flatMap { (shape: [Int]) -> [GradientCase] in
        let weighted = GradientCase(
            .rmsNorm, "\(shape)", [.init(shape), .init([shape[shape.count - 1]])], tolerance: 1e-5
        ) { tape, v in
            tape.rmsNorm(v[0], weight: v[1])
        } twin: { x in
            .combine(Twin.rmsNorm(x[0]), x[1], *)
        }
        let plain = GradientCase(.rmsNorm, "\(shape) without weights", [.init(shape)], tolerance: 1e-5) { tape, v in
            tape.rmsNorm(v[0], epsilon: 1e-3)
        } twin: { x in
            Twin.rmsNorm(x[0], epsilon: 1e-3)
        }
        return [weighted, plain]
    }

/// Heads of 4, 8 and 12 channels; angles of each picture, or of all.
private let rotationCases: [GradientCase] = [
    rotation([2, 3, 8], head: 4, tables: 2, .mixed), rotation([2, 3, 8], head: 4, tables: 2, .axial),
    rotation([3, 1, 16], head: 8, tables: 1, .mixed), rotation([3, 1, 16], head: 8, tables: 1, .axial),
    rotation([1, 5, 12], head: 12, tables: 1, .mixed), rotation([0, 2, 4], head: 4, tables: 1, .axial),
]

private func rotation(_ shape: [Int], head: Int, tables: Int, _ pairing: RotaryPairing) -> GradientCase {
    let size = [tables, shape[1], head]
    let angles = sampleValues(size, stream: "angles")
    let (cosines, sines) = (Tensor(angles.map { cos($0) }, Shape(size)), Tensor(angles.map { sin($0) }, Shape(size)))
    return GradientCase(.rotate, "\(shape) \(head) \(pairing)", [.init(shape)]) { tape, v in
        tape.rotate(v[0], cosines: cosines, sines: sines, pairing)
    } twin: { x in
        Twin.rotate(x[0], Doubles(size, angles.map { Double($0) }), pairing)
    }
}
