/// For each image the part of its spectrum that stays: a low-pass or a high-pass filter around the zero frequency.
///
/// MFM (Xie et al., arXiv 2206.07706). A frequency lies at row y, column x of the shifted spectrum of a picture of H × W pixels,
/// the zero frequency at (H / 2, W / 2), rounded down; d² is its squared distance from there, in places. Low-pass keeps what is not in
/// radius² ≤ d² < outerRadius², high-pass keeps just that. The circle is not stretched for pictures that are not square.
public struct FrequencyMask: Sendable, Equatable {
    /// Where the filtered ring begins, in places of the spectrum.
    public let radius: Int
    /// Where the filtered ring ends; beyond every corner it is a disc's outside.
    public let outerRadius: Int
    /// Whether an image keeps its low frequencies, else the ring.
    public let lowPass: [Bool]

    /// Images in the batch.
    public var imageCount: Int { lowPass.count }

    /// A filter an image.
    public init(radius: Int, outerRadius: Int, lowPass: [Bool]) {
        precondition(radius >= 0 && outerRadius > radius, "a ring from radius \(radius) to \(outerRadius)")
        self.radius = radius
        self.outerRadius = outerRadius
        self.lowPass = lowPass
    }

    /// True where low-pass keeps a frequency, `[height · width]` row by row of the shifted spectrum.
    public static func lowPassKeeps(height: Int, width: Int, radius: Int, outerRadius: Int) -> [Bool] {
        // Radii beyond any distance are cut first, so that their squares stay numbers.
        let farthest = height + width
        let (inner, outer) = (min(radius, farthest), min(outerRadius, farthest))
        return (0..<height * width).map { place in
            let (dy, dx) = (place / width - height / 2, place % width - width / 2)
            let distance = dy * dy + dx * dx
            return distance < inner * inner || distance >= outer * outer
        }
    }

    /// True where an image's frequency stays, image by image, `[images · height · width]`.
    public func keeps(height: Int, width: Int) -> [Bool] {
        let low = Self.lowPassKeeps(height: height, width: width, radius: radius, outerRadius: outerRadius)
        let high = low.map { !$0 }
        return lowPass.flatMap { $0 ? low : high }
    }
}

/// One of the two filters of a ring.
public struct FrequencyFilterKind: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// Whether everything but the ring stays.
    public let isLowPass: Bool
    /// Where the ring begins.
    public let radius: Int
    /// Where the ring ends.
    public let outerRadius: Int

    init(_ isLowPass: Bool, _ mask: FrequencyMask) {
        self.isLowPass = isLowPass
        radius = mask.radius
        outerRadius = mask.outerRadius
    }

    /// How many frequencies of a picture of a size stay.
    public func kept(height: Int, width: Int) -> Int {
        FrequencyMask.lowPassKeeps(height: height, width: width, radius: radius, outerRadius: outerRadius)
            .count { $0 == isLowPass }
    }

    /// What a person calls it.
    public var description: String { "\(isLowPass ? "low" : "high")-pass, ring from \(radius) to \(outerRadius)" }

    /// Small rings first, low-pass before high-pass.
    public static func < (a: Self, b: Self) -> Bool {
        (a.radius, a.outerRadius, a.isLowPass ? 0 : 1) < (b.radius, b.outerRadius, b.isLowPass ? 0 : 1)
    }
}
