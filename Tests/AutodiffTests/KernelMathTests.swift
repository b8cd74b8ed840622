import Autodiff
import CPalimpsestKernels
import Foundation
import RandomStreams
import Testing

@Suite struct KernelMathTests {
    /// Counts around the lengths of vectors, and one of several tasks.
    static let counts = [0, 1, 7, 8, 9, 31, 33, 40_001]

    /// f(x) and f'(x) of `pal_apply`, without anything written around them.
    private func apply(_ f: pal_function, _ x: [Float], _ engine: KernelEngine) -> (y: [Float], derivative: [Float]) {
        let input = GuardedFloats(x)
        let y = GuardedFloats(.init(repeating: .nan, count: x.count))
        let derivative = GuardedFloats(y.values)
        pal_apply(engine.pointer, f, x.count, input.pointer, y.pointer, derivative.pointer)
        #expect(y.borderIsIntact && derivative.borderIsIntact)
        let unstored = GuardedFloats(x)
        pal_apply(engine.pointer, f, x.count, unstored.pointer, unstored.pointer, nil)
        #expect(unstored.values == y.values, "in place, without a derivative")
        return (y.values, derivative.values)
    }

    private func sweep(_ range: ClosedRange<Double>, _ count: Int = 100_001) -> [Float] {
        (0..<count).map {
            Float(range.lowerBound + (range.upperBound - range.lowerBound) * Double($0) / Double(count - 1))
        }
    }

    @Test(arguments: KernelLevel.present)
    func theExponentialIsWithinItsBound(_ level: KernelLevel) {
        let x = sweep(-87...88)
        let (y, derivative) = apply(PAL_EXP, x, KernelEngine(threads: 2, level: level))
        let worst = zip(x, y).map { abs(Double($1) / exp(Double($0)) - 1) }.max() ?? 1
        #expect(worst < 1.0e-7)
        #expect(derivative == y)
    }

    @Test(arguments: KernelLevel.present)
    func geluIsWithinItsBounds(_ level: KernelLevel) {
        let x = sweep(-12...12)
        let (y, derivative) = apply(PAL_GELU, x, KernelEngine(threads: 2, level: level))
        var absolute = 0.0
        var relative = 0.0
        var slope = 0.0
        for (index, x) in x.enumerated() {
            let (value, derivativeOfValue) = gelu(Double(x))
            absolute = max(absolute, abs(Double(y[index]) - value))
            if x > -5 && x != 0 { relative = max(relative, abs(Double(y[index]) / value - 1)) }
            slope = max(slope, abs(Double(derivative[index]) - derivativeOfValue))
        }
        // Of numbers up to 12, half a unit in the last place is 4.8e-7.
        #expect(absolute < 5.0e-7)
        #expect(relative < 8.0e-7)
        #expect(slope < 1.5e-7)
    }

    @Test(arguments: KernelLevel.present)
    func theOtherFunctionsAreRight(_ level: KernelLevel) {
        let engine = KernelEngine(threads: 2, level: level)
        let cases: [(pal_function, [Float], (Double) -> Double, (Double) -> Double)] = [
            (PAL_RELU, sweep(-3...3, 1000), { max($0, 0) }, { $0 > 0 ? 1 : 0 }),
            (PAL_SIGMOID, sweep(-30...30), { 1 / (1 + exp(-$0)) }, { exp(-abs($0)) / pow(1 + exp(-abs($0)), 2) }),
            (PAL_TANH, sweep(-12...12), { tanh($0) }, { 1 / pow(cosh($0), 2) }),
            (PAL_LOG, sweep(1e-3...50), { log($0) }, { 1 / $0 }),
            (PAL_SQRT, sweep(1e-3...50), { $0.squareRoot() }, { 0.5 / $0.squareRoot() }),
            (PAL_SQUARE, sweep(-3...3), { $0 * $0 }, { 2 * $0 }),
        ]
        for (function, x, value, derivative) in cases {
            let found = apply(function, x, engine)
            #expect(relativeError(found.y, x.map { value(Double($0)) }) < 3e-7, "\(function)")
            #expect(relativeError(found.derivative, x.map { derivative(Double($0)) }) < 5e-7, "\(function)")
        }
    }

    @Test(arguments: KernelLevel.present)
    func smallValuesOfTanhKeepTheirRelativePrecision(_ level: KernelLevel) {
        let x: [Float] = [1e-10, -1e-6, 1e-3, 0.1, 0.6, -0.63]
        let y = apply(PAL_TANH, x, KernelEngine(threads: 1, level: level)).y
        for (x, y) in zip(x, y) { #expect(abs(Double(y) / tanh(Double(x)) - 1) < 3e-7) }
    }

    @Test(arguments: KernelLevel.present)
    func aNaNComesThroughEveryFunction(_ level: KernelLevel) {
        let engine = KernelEngine(threads: 1, level: level)
        for function in [PAL_GELU, PAL_RELU, PAL_SIGMOID, PAL_TANH, PAL_EXP, PAL_LOG, PAL_SQRT, PAL_SQUARE] {
            let x = GuardedFloats([1, .nan, 2])
            pal_apply(engine.pointer, function, 3, x.pointer, x.pointer, nil)
            #expect(x.values[1].isNaN && !x.values[0].isNaN && !x.values[2].isNaN, "\(function)")
        }
    }

    @Test(arguments: KernelLevel.present, counts)
    func simpleArithmeticIsRight(_ level: KernelLevel, _ count: Int) {
        let engine = KernelEngine(threads: 2, level: level)
        var random = RandomStream(seed: 11)
        let x = random.guarded(count)
        let z = random.guarded(count)
        let y = random.guarded(count)
        let before = y.values
        pal_multiply(engine.pointer, count, x.pointer, z.pointer, y.pointer, true)
        #expect(
            relativeError(
                y.values, (0..<count).map { Double(before[$0]) + Double(x.pointer[$0]) * Double(z.pointer[$0]) })
                < 3e-7)
        pal_scale_add(engine.pointer, count, x.pointer, 3, nil, .nan, y.pointer)
        #expect(y.values == x.values.map { $0 * 3 })
        pal_scale_add(engine.pointer, count, x.pointer, 0.5, z.pointer, -2, y.pointer)
        #expect(
            relativeError(y.values, (0..<count).map { 0.5 * Double(x.pointer[$0]) - 2 * Double(z.pointer[$0]) }) < 3e-7)
        #expect(y.borderIsIntact)
        let squares = sumOfSquares(engine, count, x)
        let expected = x.values.reduce(0.0) { $0 + Double($1) * Double($1) }
        #expect(abs(squares - expected) <= 1e-12 * expected)
    }

    static let matrices = [(1, 1), (5, 7), (17, 8), (33, 24), (100, 97), (700, 48), (3, 1000)]

    @Test(arguments: KernelLevel.present, matrices)
    func layerNormIsRightForwardAndBackward(_ level: KernelLevel, _ size: (rows: Int, columns: Int)) {
        let engine = KernelEngine(threads: 2, level: level)
        let (rows, columns) = size
        var random = RandomStream(seed: 12)
        let x = random.guarded(rows * columns)
        let (gamma, beta) = (random.guarded(columns), random.guarded(columns))
        let dy = random.guarded(rows * columns)
        let y = GuardedFloats(.init(repeating: .nan, count: rows * columns))
        let statistics = GuardedFloats(.init(repeating: .nan, count: 2 * rows))
        let epsilon: Float = 1e-3
        pal_layer_norm_forward(
            engine.pointer, rows, columns, x.pointer, gamma.pointer, beta.pointer, epsilon, y.pointer,
            statistics.pointer)
        var (expectedY, expectedDX) = ([Double](), [Double]())
        var dGamma = [Double](repeating: 2, count: columns)
        var dBeta = [Double](repeating: 3, count: columns)
        let n = Double(columns)
        for i in 0..<rows {
            let row = (0..<columns).map { Double(x.pointer[i * columns + $0]) }
            let mean = row.reduce(0, +) / n
            let inverse = 1 / (row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / n + Double(epsilon)).squareRoot()
            let normal = row.map { ($0 - mean) * inverse }
            let slope = (0..<columns).map { Double(dy.pointer[i * columns + $0]) }
            let g = (0..<columns).map { slope[$0] * Double(gamma.pointer[$0]) }
            let meanG = g.reduce(0, +) / n
            let meanGN = zip(g, normal).reduce(0) { $0 + $1.0 * $1.1 } / n
            for j in 0..<columns {
                expectedY.append(normal[j] * Double(gamma.pointer[j]) + Double(beta.pointer[j]))
                expectedDX.append((g[j] - meanG - normal[j] * meanGN) * inverse)
                dGamma[j] += slope[j] * normal[j]
                dBeta[j] += slope[j]
            }
        }
        #expect(relativeError(y.values, expectedY) < 2e-6)
        for add in [false, true] {
            let start = random.floats(rows * columns)
            let dx = GuardedFloats(add ? start : .init(repeating: .nan, count: rows * columns))
            let toGamma = GuardedFloats(.init(repeating: 2, count: columns))
            let toBeta = GuardedFloats(.init(repeating: 3, count: columns))
            pal_layer_norm_backward(
                engine.pointer, rows, columns, x.pointer, gamma.pointer, statistics.pointer, dy.pointer, dx.pointer,
                add,
                toGamma.pointer, toBeta.pointer)
            let expected = add ? zip(expectedDX, start).map { $0 + Double($1) } : expectedDX
            // A single column has no gradient: what is left is rounding, of numbers around 1.
            if columns > 1 || add { #expect(relativeError(dx.values, expected) < 1e-5) }
            #expect(relativeError(toGamma.values, dGamma) < 1e-5)
            #expect(relativeError(toBeta.values, dBeta) < 1e-5)
            for buffer in [dx, toGamma, toBeta] { #expect(buffer.borderIsIntact) }
        }
        let inPlace = GuardedFloats(dy.values)
        pal_layer_norm_backward(
            engine.pointer, rows, columns, x.pointer, gamma.pointer, statistics.pointer, inPlace.pointer,
            inPlace.pointer,
            false, nil, nil)
        if columns > 1 { #expect(relativeError(inPlace.values, expectedDX) < 1e-5) }
        #expect(y.borderIsIntact && statistics.borderIsIntact)
    }

    @Test(arguments: KernelLevel.present, matrices)
    func softmaxIsRightForwardAndBackward(_ level: KernelLevel, _ size: (rows: Int, columns: Int)) {
        let engine = KernelEngine(threads: 2, level: level)
        let (rows, columns) = size
        var random = RandomStream(seed: 13)
        let x = random.guarded(rows * columns, scale: 5)
        let dy = random.guarded(rows * columns)
        for logarithm in [false, true] {
            let y = GuardedFloats(x.values)
            pal_softmax_forward(engine.pointer, rows, columns, y.pointer, y.pointer, logarithm)
            let dx = GuardedFloats(dy.values)
            pal_softmax_backward(engine.pointer, rows, columns, y.pointer, dx.pointer, dx.pointer, logarithm)
            var (expected, expectedDX) = ([Double](), [Double]())
            for i in 0..<rows {
                let row = (0..<columns).map { Double(x.pointer[i * columns + $0]) }
                let slope = (0..<columns).map { Double(dy.pointer[i * columns + $0]) }
                let most = row.max() ?? 0
                let sum = row.reduce(0) { $0 + exp($1 - most) }
                let p = row.map { exp($0 - most) / sum }
                let mean = zip(p, slope).reduce(0) { $0 + $1.0 * $1.1 }
                let total = slope.reduce(0, +)
                expected += logarithm ? row.map { $0 - most - log(sum) } : p
                expectedDX += (0..<columns).map {
                    logarithm ? slope[$0] - p[$0] * total : p[$0] * (slope[$0] - mean)
                }
            }
            #expect(relativeError(y.values, expected) < 1e-6 || columns == 1 && logarithm)
            if columns > 1 { #expect(relativeError(dx.values, expectedDX) < 3e-6) }
            #expect(y.borderIsIntact && dx.borderIsIntact)
        }
    }

    @Test(arguments: KernelLevel.present, matrices)
    func rowSumsAreAdded(_ level: KernelLevel, _ size: (rows: Int, columns: Int)) {
        let engine = KernelEngine(threads: 2, level: level)
        let (rows, columns) = size
        var random = RandomStream(seed: 14)
        let x = random.guarded(rows * columns)
        let sums = GuardedFloats(.init(repeating: 1, count: columns))
        pal_add_row_sums(engine.pointer, rows, columns, x.pointer, sums.pointer)
        let expected = (0..<columns).map { j in (0..<rows).reduce(1) { $0 + Double(x.pointer[$1 * columns + j]) } }
        #expect(relativeError(sums.values, expected) < 1e-5)
        #expect(sums.borderIsIntact)
    }

    @Test(arguments: KernelLevel.present, counts)
    func adamWFollowsPyTorch(_ level: KernelLevel, _ count: Int) {
        let engine = KernelEngine(threads: 2, level: level)
        var random = RandomStream(seed: 15)
        let p = random.guarded(count)
        let m = GuardedFloats(.init(repeating: 0, count: count))
        let v = GuardedFloats(.init(repeating: 0, count: count))
        var expected = p.values.map(Double.init)
        var (first, second) = ([Double](repeating: 0, count: count), [Double](repeating: 0, count: count))
        let (rate, beta1, beta2, epsilon, decay) = (1e-2, 0.9, 0.999, 1e-8, 0.05)
        for step in 1...3 {
            let g = random.guarded(count)
            let options = pal_adamw(
                learning_rate: rate, beta1: beta1, beta2: beta2, epsilon: epsilon, weight_decay: decay,
                correction1: 1 - pow(beta1, Double(step)), correction2: 1 - pow(beta2, Double(step)))
            pal_adamw_step(engine.pointer, count, p.pointer, g.pointer, m.pointer, v.pointer, options, 0.5)
            for i in 0..<count {
                let gradient = Double(g.pointer[i]) * 0.5
                expected[i] *= 1 - rate * decay
                first[i] += (gradient - first[i]) * (1 - beta1)
                second[i] = second[i] * beta2 + (1 - beta2) * gradient * gradient
                let denominator = (second[i] / options.correction2).squareRoot() + epsilon
                expected[i] -= rate / options.correction1 * first[i] / denominator
            }
        }
        #expect(relativeError(p.values, expected) < 3e-7)
        #expect(relativeError(m.values, first) < 3e-7)
        #expect(relativeError(v.values, second) < 3e-7)
        for buffer in [p, m, v] { #expect(buffer.borderIsIntact) }
    }

    @Test(arguments: KernelLevel.present)
    func bitsDoNotDependOnTheNumberOfThreads(_ level: KernelLevel) {
        var random = RandomStream(seed: 16)
        let (rows, columns) = (1000, 72)
        let x = random.guarded(rows * columns)
        let dy = random.guarded(rows * columns)
        let results = [1, 2, 3, 7].map { threads in
            let engine = KernelEngine(threads: threads, level: level)
            let y = GuardedFloats(.init(repeating: 0, count: rows * columns))
            let statistics = GuardedFloats(.init(repeating: 0, count: 2 * rows))
            let sums = GuardedFloats(.init(repeating: 0, count: 3 * columns))
            pal_layer_norm_forward(
                engine.pointer, rows, columns, x.pointer, nil, nil, 1e-6, y.pointer, statistics.pointer)
            pal_layer_norm_backward(
                engine.pointer, rows, columns, x.pointer, nil, statistics.pointer, dy.pointer, y.pointer, true,
                sums.pointer,
                sums.pointer + columns)
            pal_add_row_sums(engine.pointer, rows, columns, x.pointer, sums.pointer + 2 * columns)
            return y.values + sums.values + [Float(sumOfSquares(engine, rows * columns, x))]
        }
        for result in results { #expect(result == results[0]) }
    }
}

/// The sum of squares of all numbers, block after block.
private func sumOfSquares(_ engine: KernelEngine, _ count: Int, _ x: GuardedFloats) -> Double {
    var sums = [Double](repeating: 0, count: (count + Int(pal_square_block) - 1) / Int(pal_square_block))
    pal_sums_of_squares(engine.pointer, count, x.pointer, &sums)
    return sums.reduce(0, +)
}
