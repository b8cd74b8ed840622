/// The three strongest directions of patch tokens as red, green and blue, one basis for all pictures: the same colour is the same
/// content everywhere.
public struct PatchColours: Sendable {
    /// Colours in [0, 1], three a patch, in the order of the tokens.
    public let colours: [Float]
    /// The share of the variance along each of the three.
    public let explained: [Double]

    /// Colours of `tokens` [patches of all pictures, width]; nil for fewer than two tokens.
    ///
    /// Each direction is stretched so that its first and last hundredth are cut to 0 and 1.
    public init?(_ tokens: [Float], width: Int) {
        let count = tokens.count / width
        guard count >= 2 else { return nil }
        let values = tokens.map { Double($0) }
        let components = PrincipalComponents(values, rows: count, width: width)
        let used = min(3, components.explained.count)
        let projected = components.projected(values, on: 0..<used)
        var colours = [Float](repeating: 0.5, count: 3 * count)
        for component in 0..<used {
            let column = (0..<count).map { projected[$0 * used + component] }
            let (low, high) = (Uncertainty.quantile(column, 0.01), Uncertainty.quantile(column, 0.99))
            // What is left of a direction without variance is rounding.
            guard high > low, components.explained[component] > 1e-9 else { continue }
            for patch in 0..<count {
                colours[3 * patch + component] = Float(min(max((column[patch] - low) / (high - low), 0), 1))
            }
        }
        self.colours = colours
        explained = Array(components.explained.prefix(used))
    }
}
