import RandomStreams

/// The built-in pictures in odd sizes, as files of people come: for trying what is meant for own pictures.
public struct OddPictures {
    /// Sides, in pixels.
    public static let sides = 40...72
    /// Pictures of the part.
    public let count: Int
    private let part: DatasetPart
    private let seed: Int
    private let random: RandomStream

    /// Pictures of a part, at least 1; the same seed and number give the same pixels everywhere.
    public init(part: DatasetPart, count: Int, seed: Int = 0) {
        self.part = part
        self.count = count
        self.seed = seed
        random = RandomStream(seed: UInt64(bitPattern: Int64(seed))).child("odd sizes").child(part.rawValue)
    }

    /// The names of what the pictures show.
    public var classes: [String] { ProceduralObject.allCases.map { "\($0)" } }

    /// What a picture shows: classes take turns.
    public func label(_ index: Int) -> Int { index % classes.count }

    /// A picture: drawn as a square, then cut to a width or height that differs a little.
    public func image(_ index: Int) throws(ImageError) -> DecodedImage {
        let (square, cut) = place(index)
        return try square.image(index).cropped(to: cut)
    }

    /// The label map of a picture: 0 for the ground, else 1 more than its label.
    public func labelMap(_ index: Int) -> LabelMap {
        let (square, cut) = place(index)
        return square.labelMap(index).cropped(to: cut)
    }

    /// The square that a picture is drawn as, and what is cut from it.
    private func place(_ index: Int) -> (square: ProceduralSource, cut: CropRectangle) {
        var random = random.child(index)
        let side = Self.sides.lowerBound + 8 + random.integer(below: Self.sides.count - 8)
        let cut = random.integer(below: 9)
        let isTall = random.integer(below: 2) == 1
        return (
            ProceduralSource(part: part, count: count, size: side, seed: seed),
            CropRectangle(
                top: isTall ? 0 : cut / 2, left: isTall ? cut / 2 : 0, height: isTall ? side : side - cut,
                width: isTall ? side - cut : side)
        )
    }
}
