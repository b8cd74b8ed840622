extension RandomStream {
    /// A number uniform in [0, 1), a multiple of 2⁻²⁴.
    @inlinable
    public mutating func uniform() -> Float { Float(next() >> 40) * 0x1p-24 }

    /// A number uniform in [0, 1), a multiple of 2⁻⁵³.
    @inlinable
    public mutating func uniformDouble() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// A standard normal number, by inversion: one draw a number, whatever its value.
    @inlinable
    public mutating func normal() -> Double {
        // The middle of one of 2⁵³ intervals: never 0 or 1.
        inverseNormal((Double(next() >> 11) + 0.5) * 0x1p-53)
    }

    /// A number uniform in 0..<n, without bias; n ≥ 1.
    public mutating func integer(below n: Int) -> Int {
        precondition(n >= 1, "integer(below:) needs n ≥ 1, got \(n)")
        let bound = UInt64(n)
        // Lemire's method: the high word of a product, rejecting the few low words that would weigh double.
        var product = next().multipliedFullWidth(by: bound)
        if product.low < bound {
            let threshold = (0 &- bound) % bound
            while product.low < threshold { product = next().multipliedFullWidth(by: bound) }
        }
        return Int(product.high)
    }

    /// The numbers 0..<n in random order (Fisher and Yates).
    public mutating func permutation(_ n: Int) -> [Int] {
        var order = Array(0..<n)
        var i = n - 1
        while i > 0 {
            order.swapAt(i, integer(below: i + 1))
            i -= 1
        }
        return order
    }
}

/// The standard normal quantile of a probability in (0, 1): algorithm AS 241 (Wichura 1988), relative error about 1e-16.
@inlinable
public func inverseNormal(_ probability: Double) -> Double {
    let q = probability - 0.5
    if abs(q) <= 0.425 {
        let r = 0.180625 - q * q
        return q
            * horner(
                r, 3.387132872796366608, 133.14166789178437745, 1971.5909503065514427, 13731.693765509461125,
                45921.953931549871457, 67265.770927008700853, 33430.575583588128105, 2509.0809287301226727)
            / horner(
                r, 1.0, 42.313330701600911252, 687.1870074920579083, 5394.1960214247511077, 21213.794301586595867,
                39307.89580009271061, 28729.085735721942674, 5226.495278852854561)
    }
    let tail = (-naturalLogarithm(q < 0 ? probability : 1 - probability)).squareRoot()
    let value: Double
    if tail <= 5 {
        let r = tail - 1.6
        value =
            horner(
                r, 1.42343711074968357734, 4.6303378461565452959, 5.7694972214606914055, 3.64784832476320460504,
                1.27045825245236838258, 0.24178072517745061177, 0.0227238449892691845833, 7.7454501427834140764e-4)
            / horner(
                r, 1.0, 2.05319162663775882187, 1.6763848301838038494, 0.68976733498510000455, 0.14810397642748007459,
                0.0151986665636164571966, 5.475938084995344946e-4, 1.05075007164441684324e-9)
    } else {
        let r = tail - 5
        value =
            horner(
                r, 6.6579046435011037772, 5.4637849111641143699, 1.7848265399172913358, 0.29656057182850489123,
                0.026532189526576123093, 0.0012426609473880784386, 2.71155556874348757815e-5, 2.01033439929228813265e-7)
            / horner(
                r, 1.0, 0.59983220655588793769, 0.13692988092273580531, 0.0148753612908506148525,
                7.868691311456132591e-4, 1.8463183175100546818e-5, 1.4215117583164458887e-7, 2.04426310338993978564e-15)
    }
    return q < 0 ? -value : value
}

@inlinable
func horner(
    _ x: Double, _ c0: Double, _ c1: Double, _ c2: Double, _ c3: Double, _ c4: Double, _ c5: Double, _ c6: Double,
    _ c7: Double
) -> Double {
    ((((((c7 * x + c6) * x + c5) * x + c4) * x + c3) * x + c2) * x + c1) * x + c0
}
