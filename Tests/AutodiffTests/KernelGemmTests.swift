import Autodiff
import CPalimpsestKernels
import RandomStreams
import Testing

/// A matrix product of kernels beside its plain double counterpart.
private struct Product {
    var m: Int
    var n: Int
    var k: Int
    var aTransposed = false
    var bTransposed = false
    /// Floats between the end of a row and the next.
    var gap = 0

    var aStride: Int { (aTransposed ? m : k) + gap }
    var bStride: Int { (bTransposed ? k : n) + gap }
    var cStride: Int { n + gap }
    var aCount: Int { count(rows: aTransposed ? k : m, columns: aTransposed ? m : k, stride: aStride) }
    var bCount: Int { count(rows: bTransposed ? n : k, columns: bTransposed ? k : n, stride: bStride) }
    var cCount: Int { count(rows: m, columns: n, stride: cStride) }

    private func count(rows: Int, columns: Int, stride: Int) -> Int {
        rows == 0 || columns == 0 ? 0 : (rows - 1) * stride + columns
    }

    func a(_ values: [Float], _ i: Int, _ l: Int) -> Double {
        Double(values[aTransposed ? l * aStride + i : i * aStride + l])
    }

    func b(_ values: [Float], _ l: Int, _ j: Int) -> Double {
        Double(values[bTransposed ? j * bStride + l : l * bStride + j])
    }

    func expected(_ a: [Float], _ b: [Float]) -> [Double] {
        var result = [Double](repeating: 0, count: m * n)
        for i in 0..<m {
            for l in 0..<k {
                let factor = self.a(a, i, l)
                for j in 0..<n { result[i * n + j] += factor * self.b(b, l, j) }
            }
        }
        return result
    }

    func run(
        _ engine: KernelEngine, _ a: GuardedFloats, _ b: GuardedFloats, _ c: GuardedFloats, _ epilogue: pal_epilogue
    ) {
        pal_gemm(
            engine.pointer, m, n, k, a.pointer, aTransposed ? 1 : aStride, aTransposed ? aStride : 1, b.pointer,
            bTransposed ? 1 : bStride, bTransposed ? bStride : 1, c.pointer, cStride, epilogue)
    }

    /// The elements of C without the gaps between its rows.
    func dense(_ c: [Float]) -> [Float] {
        (0..<m).flatMap { i in (0..<n).map { c[i * cStride + $0] } }
    }

    /// What sums of k products of normal numbers amount to.
    var magnitude: Double { Double(max(k, 1)).squareRoot() }
    var tolerance: Double { 1e-6 * magnitude }
}

@Suite struct KernelGemmTests {
    static let lengths = [1, 5, 6, 7, 8, 16, 17, 31, 33, 97]

    @Test(arguments: KernelLevel.present, [false, true])
    func productsAreRightInAllShapesAndLayouts(_ level: KernelLevel, _ withGaps: Bool) {
        let engine = KernelEngine(threads: 2, level: level)
        var random = RandomStream(seed: 1)
        for m in Self.lengths {
            for n in Self.lengths {
                for k in [1, 7, 33, 64] {
                    for layout in 0..<4 {
                        let product = Product(
                            m: m, n: n, k: k, aTransposed: layout & 1 == 1, bTransposed: layout & 2 == 2,
                            gap: withGaps ? 3 : 0)
                        let a = random.guarded(product.aCount)
                        let b = random.guarded(product.bCount)
                        let c = GuardedFloats(.init(repeating: .nan, count: product.cCount))
                        product.run(engine, a, b, c, pal_epilogue())
                        let error = relativeError(
                            product.dense(c.values), product.expected(a.values, b.values), magnitude: product.magnitude)
                        #expect(error < product.tolerance, "\(product)")
                        #expect(c.borderIsIntact, "\(product)")
                        let gaps = c.values.enumerated().filter { $0.offset % product.cStride >= n }
                        #expect(gaps.allSatisfy { $0.element.isNaN }, "written between the rows: \(product)")
                    }
                }
            }
        }
    }

    /// Long sums are cut, many rows and columns are shared out: other paths than those of small products.
    @Test(arguments: KernelLevel.present)
    func largeProductsAreRight(_ level: KernelLevel) {
        let engine = KernelEngine(threads: 3, level: level)
        var random = RandomStream(seed: 2)
        for (m, n, k) in [
            (1088, 48, 192), (96, 192, 1088), (101, 33, 1301), (48, 800, 833), (200, 70, 417), (7, 5, 2000),
        ] {
            for layout in 0..<4 {
                for accumulate in [false, true] {
                    let product = Product(
                        m: m, n: n, k: k, aTransposed: layout & 1 == 1, bTransposed: layout & 2 == 2)
                    let a = random.guarded(product.aCount)
                    let b = random.guarded(product.bCount)
                    let start = accumulate ? random.floats(m * n) : .init(repeating: .nan, count: m * n)
                    let c = GuardedFloats(start)
                    product.run(engine, a, b, c, pal_epilogue(accumulate))
                    var expected = product.expected(a.values, b.values)
                    if accumulate { for index in expected.indices { expected[index] += Double(start[index]) } }
                    #expect(
                        relativeError(c.values, expected, magnitude: product.magnitude) < product.tolerance,
                        "\(product), \(accumulate)")
                    #expect(c.borderIsIntact)
                }
            }
        }
    }

    @Test(arguments: KernelLevel.present)
    func anEmptyProductIsZeroOrNothing(_ level: KernelLevel) {
        let engine = KernelEngine(threads: 2, level: level)
        let c = GuardedFloats([1, 2, 3, 4, 5, 6])
        let one = GuardedFloats([1])
        pal_gemm(engine.pointer, 0, 3, 5, one.pointer, 5, 1, one.pointer, 3, 1, c.pointer, 3, pal_epilogue())
        pal_gemm(engine.pointer, 2, 0, 5, one.pointer, 5, 1, one.pointer, 0, 1, c.pointer, 3, pal_epilogue())
        #expect(c.values == [1, 2, 3, 4, 5, 6])
        pal_gemm(engine.pointer, 2, 3, 0, one.pointer, 0, 1, one.pointer, 3, 1, c.pointer, 3, pal_epilogue(true))
        #expect(c.values == [1, 2, 3, 4, 5, 6])
        pal_gemm(engine.pointer, 2, 3, 0, one.pointer, 0, 1, one.pointer, 3, 1, c.pointer, 3, pal_epilogue())
        #expect(c.values == [0, 0, 0, 0, 0, 0])
    }

    /// Neither operand has neighbours: every second row, every third column.
    @Test(arguments: KernelLevel.present)
    func anyStridesMayBeGiven(_ level: KernelLevel) {
        let engine = KernelEngine(threads: 1, level: level)
        var random = RandomStream(seed: 3)
        let (m, n, k) = (13, 21, 10)
        let a = random.guarded(m * 60)
        let b = random.guarded(k * 90)
        let c = GuardedFloats(.init(repeating: 0, count: m * n))
        pal_gemm(engine.pointer, m, n, k, a.pointer, 60, 3, b.pointer, 90, 2, c.pointer, n, pal_epilogue())
        let (av, bv) = (a.values, b.values)
        var expected = [Double](repeating: 0, count: m * n)
        for i in 0..<m {
            for j in 0..<n {
                for l in 0..<k { expected[i * n + j] += Double(av[i * 60 + l * 3]) * Double(bv[l * 90 + j * 2]) }
            }
        }
        #expect(relativeError(c.values, expected) < 1e-5)
    }

    @Test(arguments: KernelLevel.present, [(48, 64), (17, 33), (5, 7), (200, 16)])
    func everyEpilogueDoesWhatItSays(_ level: KernelLevel, _ size: (m: Int, n: Int)) {
        let engine = KernelEngine(threads: 2, level: level)
        var random = RandomStream(seed: 4)
        let (m, n, k) = (size.m, size.n, 500)
        let product = Product(m: m, n: n, k: k, bTransposed: true)
        let a = random.guarded(m * k, scale: 0.05)
        let b = random.guarded(n * k)
        let bias = random.guarded(n)
        let residual = random.guarded(m * n)
        let factor = random.guarded(m * n)
        let plain = product.expected(a.values, b.values)
        for choice in 0..<32 {
            let derivative = GuardedFloats(.init(repeating: .nan, count: m * n))
            let c = GuardedFloats(.init(repeating: .nan, count: m * n))
            var epilogue = pal_epilogue()
            if choice & 1 != 0 { epilogue.bias = UnsafePointer(bias.pointer) }
            epilogue.gelu = choice & 2 != 0
            if choice & 4 != 0 { epilogue.derivative = derivative.pointer }
            if choice & 8 != 0 { epilogue.residual = UnsafePointer(residual.pointer) }
            if choice & 16 != 0 { epilogue.factor = UnsafePointer(factor.pointer) }
            product.run(engine, a, b, c, epilogue)
            var expected = plain
            var slopes = [Double](repeating: 0, count: m * n)
            for index in expected.indices {
                var x = expected[index]
                if choice & 1 != 0 { x += Double(bias.values[index % n]) }
                if choice & 2 != 0 { (x, slopes[index]) = gelu(x) }
                if choice & 8 != 0 { x += Double(residual.pointer[index]) }
                if choice & 16 != 0 { x *= Double(factor.pointer[index]) }
                expected[index] = x
            }
            #expect(relativeError(c.values, expected) < 1e-5, "choice \(choice)")
            #expect(c.borderIsIntact && derivative.borderIsIntact)
            if choice & 6 == 6 { #expect(relativeError(derivative.values, slopes) < 1e-5, "choice \(choice)") }
        }
    }

    @Test(arguments: KernelLevel.present)
    func bitsDoNotDependOnTheNumberOfThreads(_ level: KernelLevel) {
        var random = RandomStream(seed: 5)
        for product in [
            Product(m: 1088, n: 96, k: 192, bTransposed: true), Product(m: 300, n: 96, k: 400),
            Product(m: 96, n: 192, k: 1088, aTransposed: true), Product(m: 70, n: 500, k: 70),
        ] {
            let a = random.guarded(product.aCount)
            let b = random.guarded(product.bCount)
            let results = [1, 2, 3, 7].map { threads in
                let engine = KernelEngine(threads: threads, level: level)
                let c = GuardedFloats(.init(repeating: 0, count: product.cCount))
                product.run(engine, a, b, c, pal_epilogue())
                return c.values
            }
            for result in results { #expect(result == results[0], "\(product)") }
        }
    }

    /// The order of a sum depends on its length alone: a row, a column or a part of a product has the bits it has in the
    /// whole. OpenBLAS, behind the portable level, does not promise that.
    @Test(arguments: KernelLevel.present.filter { $0 != .portable })
    func bitsOfAnElementDoNotDependOnItsNeighbours(_ level: KernelLevel) {
        let engine = KernelEngine(threads: 2, level: level)
        var random = RandomStream(seed: 6)
        let (m, n, k) = (203, 112, 900)
        let a = random.guarded(m * k)
        let b = random.guarded(k * n)
        let whole = GuardedFloats(.init(repeating: 0, count: m * n))
        pal_gemm(engine.pointer, m, n, k, a.pointer, k, 1, b.pointer, n, 1, whole.pointer, n, pal_epilogue())
        for (rows, columns) in [(1, 1), (6, 17), (98, 33), (203, 7)] {
            let part = GuardedFloats(.init(repeating: 0, count: rows * columns))
            pal_gemm(
                engine.pointer, rows, columns, k, a.pointer, k, 1, b.pointer, n, 1, part.pointer, columns,
                pal_epilogue())
            for i in 0..<rows {
                for j in 0..<columns { #expect(part.pointer[i * columns + j] == whole.pointer[i * n + j]) }
            }
        }
        let left = GuardedFloats((0..<k).flatMap { l in (0..<m).map { a.pointer[$0 * k + l] } })
        let transposed = GuardedFloats(.init(repeating: 0, count: m * n))
        pal_gemm(engine.pointer, m, n, k, left.pointer, 1, m, b.pointer, n, 1, transposed.pointer, n, pal_epilogue())
        #expect(transposed.values == whole.values)
    }

    @Test(arguments: KernelLevel.present)
    func batchedProductsAreProductsOfTheirParts(_ level: KernelLevel) {
        let engine = KernelEngine(threads: 2, level: level)
        var random = RandomStream(seed: 7)
        let (batch, m, n, k) = (5, 17, 9, 23)
        let product = Product(m: m, n: n, k: k, bTransposed: true)
        let a = random.guarded(batch * m * k)
        let b = random.guarded(batch * n * k)
        let start = random.floats(batch * m * n)
        for accumulate in [false, true] {
            let c = GuardedFloats(start)
            pal_gemm_batched(
                engine.pointer, batch, m, n, k, a.pointer, m * k, k, 1, b.pointer, n * k, 1, k, c.pointer, m * n, n,
                accumulate)
            for item in 0..<batch {
                let range = item * m * n..<(item + 1) * m * n
                var expected = product.expected(
                    Array(a.values[item * m * k..<(item + 1) * m * k]),
                    Array(b.values[item * n * k..<(item + 1) * n * k]))
                if accumulate { for i in 0..<m * n { expected[i] += Double(start[range.lowerBound + i]) } }
                #expect(relativeError(Array(c.values[range]), expected) < 1e-5)
            }
        }
    }
}

extension pal_epilogue {
    fileprivate init(_ accumulate: Bool) {
        self.init()
        self.accumulate = accumulate
    }
}
