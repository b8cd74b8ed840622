public import RandomStreams

/// Starting values for parameters, drawn from a stream of their own.
public enum Initializers {
    /// Uniform in ±√(6 / (fanIn + fanOut)) (Glorot and Bengio 2010).
    public static func xavierUniform(
        count: Int, fanIn: Int, fanOut: Int, random: RandomStream
    ) -> [Float] {
        uniform(count: count, bound: (6 / Double(fanIn + fanOut)).squareRoot(), random: random)
    }

    /// Uniform in [−bound, bound).
    public static func uniform(count: Int, bound: Double, random: RandomStream) -> [Float] {
        var random = random
        return (0..<count).map { _ in Float(bound * (2 * random.uniformDouble() - 1)) }
    }

    /// Normal with mean 0.
    public static func normal(count: Int, standardDeviation: Double, random: RandomStream) -> [Float] {
        var random = random
        return (0..<count).map { _ in Float(standardDeviation * random.normal()) }
    }

    /// Normal with mean 0, drawn anew while outside `bounds`; the bounds are values, not multiples of the deviation.
    public static func truncatedNormal(
        count: Int, standardDeviation: Double, bounds: ClosedRange<Double> = -2...2, random: RandomStream
    ) -> [Float] {
        require(
            bounds.lowerBound < standardDeviation && bounds.upperBound > -standardDeviation,
            "a normal deviate of deviation \(standardDeviation) hardly ever falls into \(bounds)")
        var random = random
        return (0..<count).map { _ in
            while true {
                let value = standardDeviation * random.normal()
                if bounds.contains(value) { return Float(value) }
            }
        }
    }
}
