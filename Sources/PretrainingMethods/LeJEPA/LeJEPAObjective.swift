public import Autodiff

/// The loss of LeJEPA on projections `[V, B, K]`: views that come to their common centre, and a distribution that is held open.
///
///     inv = mean over views, pictures, channels of (z̄_b − z_vb)²,    z̄_b the mean over the global views of a picture
///     sig = SIGReg of each view, averaged, or of all rows together
///     L   = (1 − λ)·inv + λ·sig, or inv + λ·sig
///
/// Gradients also go through the centre.
public struct LeJEPAObjective: Sendable {
    /// The statistic.
    public let sigreg: SIGReg
    private let weight: Double
    private let scope: SIGRegScope
    private let combination: SIGRegCombination

    /// The objective that options ask for.
    public init(_ options: LeJEPAOptions) {
        sigreg = SIGReg(slices: options.slices, knots: options.knots, knotMax: options.knotMax)
        weight = options.sigregWeight
        scope = options.sigregOver
        combination = options.combine
    }

    /// The loss with its two terms, scalars each. The first `globals` of the views are the global ones; `draws` `[K, S]` are normal
    /// numbers that directions are made of.
    public func callAsFunction(
        _ projections: Variable, globals: Int, _ draws: Tensor, on tape: inout Tape
    ) -> (loss: Variable, invariance: Variable, sigreg: Variable) {
        let shape = projections.shape
        let (views, pictures, width) = (shape[0], shape[1], shape[2])
        let each = projections.reshaped([1, views, pictures * width])
        let first = tape.sliceRows(each, 0..<globals).reshaped([globals, pictures * width])
        let centre = tape.mean(first, axis: 0)
        let invariance = tape.mean(
            tape.square(tape.subtract(each.reshaped([views, pictures * width]), centre)))
        let rows = scope == .view ? projections : projections.reshaped([views * pictures, width])
        let held = sigreg(rows, along: SIGReg.directions(draws), on: &tape).value
        let kept = combination == .convex ? tape.scale(invariance, by: Float(1 - weight)) : invariance
        return (tape.add(kept, tape.scale(held, by: Float(weight))), invariance, held)
    }

    /// The loss of projections that are all 0, of that many views and pictures: where everything has collapsed.
    public func collapsed(views: Int, pictures: Int) -> Double {
        weight * sigreg.collapsed * Double(scope == .view ? pictures : views * pictures)
    }
}
