public struct ProceduralSource: ImageSource {
    public let count: Int
    public init(part: DatasetPart, count: Int, size: Int, seed: Int) { self.count = count }
    public var labelNames: [String]? { nil }
    public var fingerprint: String { "" }
    public func image(_ index: Int) throws(ImageError) -> DecodedImage { DecodedImage(height: 1, width: 1, channels: 1, samples: .uint8([0])) }
    public func label(_ index: Int) -> Int? { nil }
    public func key(_ index: Int) -> String { "\(index)" }
}
