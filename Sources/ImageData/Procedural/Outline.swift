/// A plane figure that knows how far a point is from its edge.
///
/// Distances are exact or a close bound near the edge, negative inside; that is what antialiasing needs. Only square
/// roots and arithmetic are used, so figures are the same to the last bit on every system.
indirect enum Outline {
    /// A disc.
    case disc(centre: SIMD2<Float>, radius: Float)
    /// A rectangle with rounded corners; `half` counts from the centre to the sides.
    case box(centre: SIMD2<Float>, half: SIMD2<Float>, rounding: Float)
    /// All points within `radius` of a line from `a` to `b`.
    case rod(a: SIMD2<Float>, b: SIMD2<Float>, radius: Float)
    /// A simple polygon, in either direction.
    case polygon([SIMD2<Float>])
    /// The points of any.
    case union([Outline])
    /// The points of both.
    case common(Outline, Outline)
    /// The points of the first that are not of the second.
    case minus(Outline, Outline)

    /// A ring.
    static func ring(centre: SIMD2<Float>, outer: Float, inner: Float) -> Outline {
        .minus(.disc(centre: centre, radius: outer), .disc(centre: centre, radius: inner))
    }

    /// The signed distance of a point.
    func distance(_ p: SIMD2<Float>) -> Float {
        switch self {
        case .disc(let centre, let radius): return length(p - centre) - radius
        case .box(let centre, let half, let rounding):
            let offset = abs2(p - centre) - (half - SIMD2(repeating: rounding))
            let outside = length(offset.clamped(lowerBound: .zero, upperBound: SIMD2(repeating: .infinity)))
            return outside + min(max(offset.x, offset.y), 0) - rounding
        case .rod(let a, let b, let radius):
            let along = b - a
            let t = min(max(dot(p - a, along) / dot(along, along), 0), 1)
            return length(p - a - along * t) - radius
        case .polygon(let corners): return Self.distance(p, corners)
        case .union(let parts): return parts.reduce(Float.infinity) { min($0, $1.distance(p)) }
        case .common(let a, let b): return max(a.distance(p), b.distance(p))
        case .minus(let a, let b): return max(a.distance(p), -b.distance(p))
        }
    }

    private static func distance(_ p: SIMD2<Float>, _ corners: [SIMD2<Float>]) -> Float {
        var nearest = Float.infinity
        var inside = false
        var previous = corners[corners.count - 1]
        for corner in corners {
            let edge = previous - corner
            let toPoint = p - corner
            let t = min(max(dot(toPoint, edge) / dot(edge, edge), 0), 1)
            let offset = toPoint - edge * t
            nearest = min(nearest, dot(offset, offset))
            // A ray to the right crosses the edge.
            if (corner.y > p.y) != (previous.y > p.y), toPoint.x < edge.x * toPoint.y / edge.y { inside.toggle() }
            previous = corner
        }
        return inside ? -nearest.squareRoot() : nearest.squareRoot()
    }
}

private func dot(_ a: SIMD2<Float>, _ b: SIMD2<Float>) -> Float { a.x * b.x + a.y * b.y }
private func length(_ a: SIMD2<Float>) -> Float { dot(a, a).squareRoot() }
private func abs2(_ a: SIMD2<Float>) -> SIMD2<Float> { SIMD2(abs(a.x), abs(a.y)) }
