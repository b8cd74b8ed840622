import RandomStreams

/// The things that the built-in pictures show; the class of a picture is its object.
enum ProceduralObject: Int, CaseIterable {
    case fish, flower, house, key, tree, umbrella

    /// The outlines of one object, inside the square from −1 to 1 with y downwards: its body, and details that have
    /// another colour. Proportions and details vary from object to object.
    func outlines(_ random: inout RandomStream) -> (body: Outline, details: Outline?) {
        /// A number between bounds.
        func between(_ low: Float, _ high: Float) -> Float { low + (high - low) * random.uniform() }
        func chance(_ probability: Float) -> Bool { random.uniform() < probability }

        switch self {
        case .fish:
            let belly = between(0.42, 0.62)
            let radius = (belly * belly + 0.7 * 0.7) / (2 * belly)
            let trunk = Outline.common(
                .disc(centre: [-0.25, radius - belly], radius: radius),
                .disc(centre: [-0.25, belly - radius], radius: radius))
            let spread = between(0.4, 0.6)
            let tail = Outline.polygon([[0.25, 0], [0.95, -spread], [0.72, 0], [0.95, spread]])
            let back = Outline.polygon([[-0.45, -belly + 0.1], [0.15, -belly - between(0.15, 0.3)], [0.2, -0.2]])
            let eye = Outline.disc(centre: [-0.6, -0.08], radius: 0.1)
            let gill = Outline.rod(a: [-0.32, -0.22], b: [-0.32, 0.22], radius: 0.045)
            return (.union([trunk, tail, back]), chance(0.5) ? .union([eye, gill]) : eye)
        case .flower:
            let petals = 5 + random.integer(below: 3)
            let head: SIMD2<Float> = [between(-0.1, 0.1), -0.3]
            let reach = between(0.36, 0.44)
            let start = random.uniform()
            let ring = (0..<petals).map { i -> Outline in
                let turn = start + Float(i) / Float(petals)
                return .disc(centre: head + direction(turn) * reach, radius: petals == 5 ? 0.27 : 0.23)
            }
            let stem = Outline.rod(a: head, b: [between(-0.2, 0.2), 0.95], radius: 0.07)
            let leaf = Outline.common(
                .disc(centre: [0.25, 0.3], radius: 0.38), .disc(centre: [0.35, 0.85], radius: 0.38))
            return (.union(ring + (chance(0.6) ? [stem, leaf] : [stem])), .disc(centre: head, radius: 0.22))
        case .house:
            let eaves = between(-0.2, 0.05)
            let side = between(0.55, 0.72)
            let peak = between(-0.98, -0.8)
            let walls = Outline.box(centre: [0, (eaves + 0.9) / 2], half: [side, (0.9 - eaves) / 2], rounding: 0)
            let roof = Outline.polygon([[-side - 0.25, eaves], [between(-0.15, 0.15), peak], [side + 0.25, eaves]])
            let chimney = Outline.box(centre: [side - 0.2, eaves - 0.35], half: [0.11, 0.35], rounding: 0)
            let door = Outline.box(centre: [between(-0.2, 0.1), 0.66], half: [0.14, 0.26], rounding: 0.02)
            let window = Outline.box(centre: [side - 0.25, eaves + 0.3], half: [0.13, 0.13], rounding: 0)
            let other = Outline.box(centre: [0.25 - side, eaves + 0.3], half: [0.13, 0.13], rounding: 0)
            return (
                .union(chance(0.6) ? [walls, roof, chimney] : [walls, roof]),
                .union(chance(0.5) ? [door, window, other] : [door, window])
            )
        case .key:
            let outer = between(0.36, 0.44)
            let bow = Outline.ring(centre: [-0.55, 0], outer: outer, inner: outer - between(0.15, 0.2))
            let shaft = Outline.box(centre: [0.35, 0], half: [0.6, 0.1], rounding: 0.03)
            let first = Outline.box(
                centre: [between(0.42, 0.55), 0.22], half: [0.08, between(0.18, 0.28)], rounding: 0)
            let second = Outline.box(centre: [0.84, 0.22], half: [0.1, between(0.18, 0.32)], rounding: 0)
            return (.union([bow, shaft, first, second]), nil)
        case .tree:
            let trunk = Outline.box(centre: [0, 0.68], half: [between(0.1, 0.17), 0.3], rounding: 0)
            if chance(0.5) {
                let tiers = (0..<3).map { tier -> Outline in
                    let y = -0.95 + 0.4 * Float(tier)
                    let half = 0.36 + 0.15 * Float(tier)
                    return .polygon([[0, y], [half, y + 0.65], [-half, y + 0.65]])
                }
                return (.union(tiers), trunk)
            }
            let crown = Outline.union([
                .disc(centre: [-0.34, -0.1], radius: between(0.34, 0.44)),
                .disc(centre: [0.34, -0.12], radius: between(0.34, 0.44)),
                .disc(centre: [between(-0.1, 0.1), -0.5], radius: between(0.38, 0.46)),
                .disc(centre: [0, 0.1], radius: 0.36),
            ])
            return (crown, trunk)
        case .umbrella:
            let radius: Float = 0.92
            let hem: Float = 0.05
            let dome = Outline.minus(
                .disc(centre: [0, hem], radius: radius), .box(centre: [0, hem + 1], half: [1.2, 1], rounding: 0))
            let scallops = Outline.union(
                [-0.62, 0, 0.62].map { Outline.disc(centre: [$0, hem + 0.08], radius: between(0.24, 0.3)) })
            let reach = between(0.7, 0.78)
            let stick = Outline.rod(a: [0, -0.95], b: [0, reach], radius: 0.06)
            let hook = Outline.minus(
                .ring(centre: [0.17, reach], outer: 0.23, inner: 0.11),
                .box(centre: [0.17, reach - 0.5], half: [0.5, 0.5], rounding: 0))
            return (.union([.minus(dome, scallops), stick, hook]), nil)
        }
    }
}

/// The unit vector at a part of a turn, clockwise from the right.
func direction(_ turns: Float) -> SIMD2<Float> {
    [Float(cosine(turns: Double(turns))), Float(cosine(turns: Double(turns) - 0.25))]
}
