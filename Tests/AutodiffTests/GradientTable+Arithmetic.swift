import Autodiff

private let pairs: [([Int], [Int])] = [
    ([2, 3], [2, 3]), ([33], [33]), ([1], [1]), ([2, 3], [3]), ([2, 3, 4], [3, 4]), ([2, 3, 4], [1, 3, 4]),
    ([2, 3, 4], [2, 1, 1]), ([2, 3, 4], [2, 3, 1]), ([5], [1]), ([5], []), ([], []), ([3], [2, 3]),
    ([2, 1, 1], [2, 3, 4]), ([], [3, 2]), ([4, 4], [4]), ([4, 4], [4, 1]), ([0, 3], [3]), ([40, 9], [9]),
]

let arithmeticCases: [GradientCase] =
    pairs.flatMap { (a: [Int], b: [Int]) -> [GradientCase] in
        [
            GradientCase(.add, "\(a) \(b)", [.init(a), .init(b)]) { tape, v in
                tape.add(v[0], v[1])
            } twin: { x in
                .combine(x[0], x[1], +)
            },
            GradientCase(.subtract, "\(a) \(b)", [.init(a), .init(b)]) { tape, v in
                tape.subtract(v[0], v[1])
            } twin: { x in
                .combine(x[0], x[1], -)
            },
            GradientCase(.multiply, "\(a) \(b)", [.init(a), .init(b)]) { tape, v in
                tape.multiply(v[0], v[1])
            } twin: { x in
                .combine(x[0], x[1], *)
            },
            GradientCase(.divide, "\(a) \(b)", [.init(a), .init(b, .positive)]) { tape, v in
                tape.divide(v[0], v[1])
            } twin: { x in
                .combine(x[0], x[1], /)
            },
        ]
    } + scalingCases + regularizationCases

private let scalingCases: [GradientCase] = [[7], [2, 3], [], [0]].flatMap { (shape: [Int]) -> [GradientCase] in
    [
        GradientCase(.scale, "\(shape)", [.init(shape)]) { tape, v in
            tape.scale(v[0], by: -1.75)
        } twin: { x in
            x[0].map { -1.75 * $0 }
        },
        GradientCase(.addScalar, "\(shape)", [.init(shape)]) { tape, v in
            tape.addScalar(v[0], 0.375)
        } twin: { x in
            x[0].map { $0 + 0.375 }
        },
    ]
}

private let regularizationCases: [GradientCase] = [
    GradientCase(.multiply, "drop path", [.init([3, 2, 5])]) { tape, v in
        tape.dropPath(v[0], factors: Tensor([1.25, 0, 1.25], [3]))
    } twin: { x in
        .combine(x[0], Doubles([3, 1, 1], [1.25, 0, 1.25]), *)
    },
    GradientCase(.multiply, "layer scale", [.init([3, 2, 5]), .init([5])]) { tape, v in
        tape.layerScale(v[0], v[1])
    } twin: { x in
        .combine(x[0], x[1], *)
    },
    GradientCase(.add, "the same twice", [.init([3, 2])]) { tape, v in
        tape.add(v[0], v[0])
    } twin: { x in
        x[0].map { 2 * $0 }
    },
    GradientCase(.multiply, "reshaped", [.init([3, 4]), .init([2, 6])]) { tape, v in
        tape.multiply(v[0].reshaped([2, 6]), v[1])
    } twin: { x in
        .combine(x[0].reshaped([2, 6]), x[1], *)
    },
    GradientCase(.multiply, "one side detached", [.init([3, 4])]) { tape, v in
        tape.multiply(v[0], tape.square(v[0].detached))
    } twin: { x in
        // The derivative holds the second factor fixed, at the numbers of the input.
        let fixed = sampleDoubles([3, 4], stream: "multiply one side detached 0")
        return .combine(x[0], fixed, { $0 * $1 * $1 })
    },
]

let reductionCases: [GradientCase] =
    [[2, 3], [1], [], [33], [2, 3, 4]].flatMap { (shape: [Int]) -> [GradientCase] in
        [
            GradientCase(.sum, "\(shape)", [.init(shape)]) { tape, v in
                tape.sum(v[0])
            } twin: { x in
                Doubles([], [x[0].values.reduce(0, +)])
            },
            GradientCase(.mean, "\(shape)", [.init(shape)]) { tape, v in
                tape.mean(v[0])
            } twin: { x in
                Twin.mean(x[0].values)
            },
        ]
    }
    + [
        GradientCase(.sum, "of nothing", [.init([0, 3])]) { tape, v in
            tape.sum(v[0])
        } twin: { _ in
            Doubles([], [0])
        }
    ]
    + [([2, 3, 4], 0), ([2, 3, 4], 1), ([2, 3, 4], 2), ([3, 1, 70], 1), ([17], 0), ([5, 33], 1), ([1, 1], 0)].flatMap {
        (shape: [Int], axis: Int) -> [GradientCase] in
        [
            GradientCase(.sumAxis, "axis \(axis) of \(shape)", [.init(shape)]) { tape, v in
                tape.sum(v[0], axis: axis)
            } twin: { x in
                sumAxis(x[0], axis, from: 0)
            },
            GradientCase(.meanAxis, "axis \(axis) of \(shape)", [.init(shape)]) { tape, v in
                tape.mean(v[0], axis: axis)
            } twin: { x in
                sumAxis(x[0], axis, from: 0).map { $0 / Double(shape[axis]) }
            },
        ]
    }
    + [0, 1, 4].map { (first: Int) in
        GradientCase(.meanAxis, "tokens from \(first)", [.init([2, 5, 3])]) { tape, v in
            tape.meanRows(v[0], from: first)
        } twin: { x in
            sumAxis(x[0], 1, from: first).map { $0 / Double(5 - first) }
        }
    }

private func sumAxis(_ x: Doubles, _ axis: Int, from first: Int) -> Doubles {
    var shape = x.shape
    shape.remove(at: axis)
    return Doubles(shape) { place in
        (first..<x.shape[axis]).reduce(0) { sum, at in
            var place = place
            place.insert(at, at: axis)
            return sum + x[place]
        }
    }
}
