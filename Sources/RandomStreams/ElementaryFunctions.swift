// exp, log and cos from additions, multiplications and divisions alone: the same bits on every system, where the C
// libraries differ in the last place. Used for masks and draws, where a last place can swap two patches.

/// The natural logarithm of a positive, finite, normal number; relative error below 1e-15.
public func naturalLogarithm(_ x: Double) -> Double {
    // x = 2^e · m with m in [√½, √2); log m = 2 artanh((m − 1)/(m + 1)) by its series.
    var exponent = Double(x.exponent)
    var m = x.significand
    if m > 1.4142135623730951 {
        m *= 0.5
        exponent += 1
    }
    let t = (m - 1) / (m + 1)
    let square = t * t
    var sum = 0.0
    var k = 25.0
    while k >= 3 {
        sum = (sum + 1 / k) * square
        k -= 2
    }
    return exponent * 0.6931471805599453 + 2 * t * (1 + sum)
}

/// The exponential of a number in −700…700; relative error below 1e-15.
public func exponential(_ x: Double) -> Double {
    // x = n ln 2 + r with |r| ≤ ½ ln 2; exp r by its series.
    let n = (x * 1.4426950408889634).rounded(.toNearestOrEven)
    let r = (x - n * 0.693147180369123816490) - n * 1.90821492927058770002e-10
    var sum = 1.0
    var k = 16.0
    while k >= 1 {
        sum = 1 + sum * r / k
        k -= 1
    }
    return Double(sign: .plus, exponent: Int(n), significand: sum)
}

/// The cosine of a whole turn's fraction, cos(2π · `turns`), for any finite argument; absolute error below 1e-15.
public func cosine(turns: Double) -> Double {
    // Fold to one eighth of a turn, where a series is short.
    var t = turns - turns.rounded(.toNearestOrEven)
    t = abs(t)
    var sign = 1.0
    if t > 0.25 {
        t = 0.5 - t
        sign = -1
    }
    let twoPi = 6.283185307179586
    if t <= 0.125 {
        let square = (t * twoPi) * (t * twoPi)
        var sum = 1.0
        var k = 20.0
        while k >= 2 {
            sum = 1 - sum * square / (k * (k - 1))
            k -= 2
        }
        return sign * sum
    }
    let angle = (0.25 - t) * twoPi
    var sum = 1.0
    var k = 21.0
    while k >= 3 {
        sum = 1 - sum * angle * angle / (k * (k - 1))
        k -= 2
    }
    return sign * angle * sum
}
