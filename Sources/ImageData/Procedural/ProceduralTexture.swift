import RandomStreams

/// A pattern over the picture, between −1 and 1; points are in units of the picture's side.
enum ProceduralTexture {
    /// The same everywhere.
    case plain
    /// A slow change from one side to the other.
    case gradient(along: SIMD2<Float>)
    /// Waves.
    case stripes(frequency: SIMD2<Float>, phase: Float)
    /// Rows of dots.
    case dots(axis: SIMD2<Float>, spacing: Float, radius: Float)
    /// Clouds: random values on a square lattice, joined smoothly.
    case clouds(values: [Float], cells: Int)

    /// A random pattern of one of the kinds.
    init(_ random: inout RandomStream) {
        switch random.integer(below: 5) {
        case 0: self = .plain
        case 1: self = .gradient(along: direction(random.uniform()))
        case 2:
            let waves = 2 + 6 * random.uniform()
            self = .stripes(frequency: direction(random.uniform()) * waves, phase: random.uniform())
        case 3:
            let spacing = 0.12 + 0.14 * random.uniform()
            self = .dots(
                axis: direction(random.uniform()), spacing: spacing, radius: spacing * (0.2 + 0.2 * random.uniform()))
        default:
            let cells = 2 + random.integer(below: 5)
            let values = (0..<((cells + 1) * (cells + 1))).map { _ in 2 * random.uniform() - 1 }
            self = .clouds(values: values, cells: cells)
        }
    }

    /// The pattern at a point of the unit square.
    func value(_ p: SIMD2<Float>) -> Float {
        switch self {
        case .plain: return 0
        case .gradient(let along): return 2 * ((p.x - 0.5) * along.x + (p.y - 0.5) * along.y)
        case .stripes(let frequency, let phase):
            return Float(cosine(turns: Double(p.x * frequency.x + p.y * frequency.y + phase)))
        case .dots(let axis, let spacing, let radius):
            let along = (p.x * axis.x + p.y * axis.y) / spacing
            let across = (p.y * axis.x - p.x * axis.y) / spacing
            let offset: SIMD2<Float> = [along - along.rounded(), across - across.rounded()]
            let distance = (offset.x * offset.x + offset.y * offset.y).squareRoot() * spacing
            return 1 - 2 * min(max((distance - radius) * 32 + 0.5, 0), 1)
        case .clouds(let values, let cells):
            let x = min(max(p.x, 0), 0.9999) * Float(cells)
            let y = min(max(p.y, 0), 0.9999) * Float(cells)
            let (column, row) = (Int(x), Int(y))
            let (u, v) = (smooth(x - Float(column)), smooth(y - Float(row)))
            let first = row * (cells + 1) + column
            let upper = values[first] + (values[first + 1] - values[first]) * u
            let lower = values[first + cells + 1] + (values[first + cells + 2] - values[first + cells + 1]) * u
            return upper + (lower - upper) * v
        }
    }

    private func smooth(_ t: Float) -> Float { t * t * (3 - 2 * t) }
}
