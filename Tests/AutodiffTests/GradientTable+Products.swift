import Autodiff

let productCases: [GradientCase] = linearCases + epilogueCases + matmulCases + filterCases

private let linearCases: [GradientCase] =
    [
        ([3, 5], 4), ([2, 7, 8], 8), ([1, 1], 1), ([5, 33], 31), ([0, 3], 2), ([3, 0], 2), ([3, 400], 2),
        ([40, 17], 3),
    ].map { (shape: [Int], outputs: Int) in
        GradientCase(
            .linear, "\(shape) to \(outputs)",
            [.init(shape), .init([outputs, shape[shape.count - 1]]), .init([outputs])]
        ) { tape, v in
            tape.linear(v[0], weight: v[1], bias: v[2])
        } twin: { x in
            Twin.linear(x[0], x[1], x[2])
        }
    } + [
        GradientCase(.linear, "without bias", [.init([4, 6]), .init([5, 6])]) { tape, v in
            tape.linear(v[0], weight: v[1])
        } twin: { x in
            Twin.linear(x[0], x[1])
        },
        GradientCase(.linear, "convolution weight", [.init([2, 3, 12]), .init([5, 3, 2, 2]), .init([5])]) { tape, v in
            tape.linear(v[0], weight: v[1], bias: v[2])
        } twin: { x in
            Twin.linear(x[0], x[1].reshaped([5, 12]), x[2])
        },
    ]

private let epilogueCases: [GradientCase] = [
    GradientCase(.linear, "gelu", [.init([7, 9]), .init([17, 9]), .init([17])]) { tape, v in
        tape.linear(v[0], weight: v[1], bias: v[2], then: .gelu)
    } twin: { x in
        Twin.linear(x[0], x[1], x[2]).map(Twin.gelu)
    },
    GradientCase(.linear, "residual", [.init([2, 3, 9]), .init([5, 9]), .init([5]), .init([2, 3, 5])]) { tape, v in
        tape.linear(v[0], weight: v[1], bias: v[2], then: .residual(v[3]))
    } twin: { x in
        .combine(Twin.linear(x[0], x[1], x[2]), x[3], +)
    },
    GradientCase(
        .linear, "after gelu", [.init([5, 7]), .init([9, 7]), .init([9]), .init([3, 9]), .init([3])]
    ) { tape, v in
        let hidden = tape.linear(v[0], weight: v[1], bias: v[2], then: .gelu)
        return tape.linear(hidden, weight: v[3], bias: v[4])
    } twin: { x in
        Twin.linear(Twin.linear(x[0], x[1], x[2]).map(Twin.gelu), x[3], x[4])
    },
    // The last use is the first on the way back: it brings a scaled gradient, or finds an unscaled one.
    GradientCase(.linear, "gelu used by linear last", [.init([5, 7]), .init([9, 7]), .init([9, 9])]) { tape, v in
        let hidden = tape.linear(v[0], weight: v[1], then: .gelu)
        let added = tape.softmax(hidden)
        let accumulated = tape.scale(hidden, by: 0.5)
        return tape.add(tape.linear(hidden, weight: v[2]), tape.add(added, accumulated))
    } twin: { x in
        let hidden = Twin.linear(x[0], x[1]).map(Twin.gelu)
        let other = Doubles.combine(hidden.mapRows(Twin.softmax), hidden.map { 0.5 * $0 }, +)
        return .combine(Twin.linear(hidden, x[2]), other, +)
    },
    GradientCase(.linear, "gelu used by linear first", [.init([5, 7]), .init([9, 7]), .init([9, 9])]) { tape, v in
        let hidden = tape.linear(v[0], weight: v[1], then: .gelu)
        let other = tape.linear(hidden, weight: v[2])
        return tape.add(tape.softmax(hidden), other)
    } twin: { x in
        let hidden = Twin.linear(x[0], x[1]).map(Twin.gelu)
        return .combine(Twin.linear(hidden, x[2]), hidden.mapRows(Twin.softmax), +)
    },
    GradientCase(.linear, "gelu used twice", [.init([5, 7]), .init([9, 7]), .init([4, 9])]) { tape, v in
        let hidden = tape.linear(v[0], weight: v[1], then: .gelu)
        return tape.add(
            tape.linear(hidden, weight: v[2]), tape.linear(tape.scale(hidden, by: 0.5), weight: v[2]))
    } twin: { x in
        Twin.linear(Twin.linear(x[0], x[1]).map(Twin.gelu), x[2]).map { 1.5 * $0 }
    },
    GradientCase(.linear, "weight used twice", [.init([3, 6]), .init([6, 6])]) { tape, v in
        tape.linear(tape.linear(v[0], weight: v[1]), weight: v[1])
    } twin: { x in
        Twin.linear(Twin.linear(x[0], x[1]), x[1])
    },
]

private let matmulCases: [GradientCase] =
    [
        ([3, 4, 5], []), ([1, 1, 1], []), ([7, 9, 17], []), ([3, 4, 5], [2]), ([2, 3, 4], [2, 3]), ([3, 2, 4], [0]),
    ].flatMap { (sides: [Int], batch: [Int]) in
        [(false, false), (true, false), (false, true), (true, true)].map { (transposeA: Bool, transposeB: Bool) in
            let (m, n, k) = (sides[0], sides[1], sides[2])
            return GradientCase(
                .matmul, "\(batch) \(sides)\(transposeA ? " A transposed" : "")\(transposeB ? " B transposed" : "")",
                [.init(batch + (transposeA ? [k, m] : [m, k])), .init(batch + (transposeB ? [n, k] : [k, n]))]
            ) { tape, v in
                tape.matmul(v[0], v[1], transposeA: transposeA, transposeB: transposeB)
            } twin: { x in
                Twin.matmul(x[0], x[1], transposeA: transposeA, transposeB: transposeB)
            }
        }
    }

private let filterCases: [GradientCase] =
    [([2, 3, 5, 7], FilterAxis.last, [4, 7]), ([2, 3, 5, 7], .secondToLast, [6, 5]), ([9], .last, [3, 9])].map {
        (shape: [Int], axis: FilterAxis, matrix: [Int]) in
        GradientCase(.linearFilter, "\(matrix) along \(axis) of \(shape)", [.init(shape)]) { tape, v in
            tape.linearFilter(v[0], matrix: sampleTensor(matrix, stream: "filter"), along: axis)
        } twin: { x in
            let weights = sampleDoubles(matrix, stream: "filter")
            if axis == .last { return Twin.linear(x[0], weights) }
            return Twin.transpose(Twin.linear(Twin.transpose(x[0]), weights))
        }
    }
    + [[2, 3], [1, 1], [17, 33], [2, 5, 3], [2, 0, 3]].map { (shape: [Int]) in
        GradientCase(.transpose, "\(shape)", [.init(shape)]) { tape, v in
            tape.transpose(v[0])
        } twin: { x in
            Twin.transpose(x[0])
        }
    }
