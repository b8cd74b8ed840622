import CPalimpsestOpenBLAS

/// The matrix products of OpenBLAS, row-major, on the calling thread; in double precision unless they say otherwise.
///
/// Work is shared between threads by the engine alone, in pieces that do not depend on their number.
enum BLAS {
    /// A matrix in memory, or its transpose; `stride` is the length of a stored row.
    struct Operand {
        let base: UnsafePointer<Double>
        let stride: Int
        let transposed: Bool

        /// The matrix as it lies.
        static func plain(_ base: UnsafePointer<Double>, stride: Int) -> Operand {
            Operand(base: base, stride: stride, transposed: false)
        }

        /// The transpose of what lies there.
        static func transpose(_ base: UnsafePointer<Double>, stride: Int) -> Operand {
            Operand(base: base, stride: stride, transposed: true)
        }
    }

    /// C ← α·A·B + β·C with A [m, k], B [k, n], C [m, n].
    static func multiply(
        m: Int, n: Int, k: Int, alpha: Double = 1, _ a: Operand, _ b: Operand, beta: Double = 0,
        into c: UnsafeMutablePointer<Double>, stride: Int
    ) {
        guard m > 0, n > 0 else { return }
        cblas_dgemm(
            CblasRowMajor, a.transposed ? CblasTrans : CblasNoTrans, b.transposed ? CblasTrans : CblasNoTrans,
            blasint(m), blasint(n), blasint(k), alpha, a.base, blasint(a.stride), b.base, blasint(b.stride), beta, c,
            blasint(stride))
    }

    /// C ← A·Bᵀ in single precision, with A [m, k], B [n, k], C [m, n] without gaps.
    static func multiplyTransposed(
        m: Int, n: Int, k: Int, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
        into c: UnsafeMutablePointer<Float>
    ) {
        guard m > 0, n > 0 else { return }
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, blasint(m), blasint(n), blasint(k), 1, a, blasint(k), b,
            blasint(k), 0, c, blasint(n))
    }

    /// X ← X·L⁻¹ or X·L⁻ᵀ for a lower triangle L [n, n] and X [m, n].
    static func divide(
        _ x: UnsafeMutablePointer<Double>, m: Int, n: Int, stride ldx: Int, byLower l: UnsafePointer<Double>,
        stride ldl: Int, transposed: Bool
    ) {
        guard m > 0, n > 0 else { return }
        cblas_dtrsm(
            CblasRowMajor, CblasRight, CblasLower, transposed ? CblasTrans : CblasNoTrans, CblasNonUnit, blasint(m),
            blasint(n), 1, l, blasint(ldl), x, blasint(ldx))
    }

    /// Σ xᵢyᵢ; the order of the sum depends on `count` alone.
    static func dot(_ x: UnsafePointer<Double>, _ y: UnsafePointer<Double>, count: Int) -> Double {
        cblas_ddot(blasint(count), x, 1, y, 1)
    }

    /// The eigenvalues of a symmetric matrix [n, n], rising; `matrix` becomes their unit eigenvectors, one behind the other. Nil where
    /// the iteration does not end.
    static func eigenvalues(_ matrix: inout [Double], size: Int) -> [Double]? {
        guard size > 0 else { return [] }
        useCallingThreadOnly()
        var values = [Double](repeating: 0, count: size)
        let n = blasint(size)
        var info: blasint = 0
        func call(_ work: inout [Double], _ workSize: blasint, _ integers: inout [blasint], _ integersSize: blasint) {
            withUnsafePointer(to: n) { n in
                withUnsafePointer(to: workSize) { workSize in
                    withUnsafePointer(to: integersSize) { integersSize in
                        dsyevd_("V", "L", n, &matrix, n, &values, &work, workSize, &integers, integersSize, &info, 1, 1)
                    }
                }
            }
        }
        var (work, integers) = ([0.0], [blasint(0)])
        // Sizes of -1 ask how much room is needed.
        call(&work, -1, &integers, -1)
        let (most, mostIntegers) = (Int(work[0]), Int(integers[0]))
        work = [Double](repeating: 0, count: most)
        integers = [blasint](repeating: 0, count: mostIntegers)
        call(&work, blasint(most), &integers, blasint(mostIntegers))
        return info == 0 ? values : nil
    }

    /// Keeps OpenBLAS from making threads of its own, whose number would change the order of sums.
    static func useCallingThreadOnly() { openblas_set_num_threads(1) }
}
