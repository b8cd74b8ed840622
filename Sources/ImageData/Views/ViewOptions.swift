/// What of a recipe decides about views beside their own options.
public struct ViewContext: Sendable {
    /// Channels of the pictures.
    public var channels: Int
    /// The size that the model is made for; that of the first view.
    public var size: ImageSize
    /// Smallest and largest width over height of random crops.
    public var ratio: ClosedRange<Double>
    /// Whether half of the views are mirrored left to right.
    public var flip: Bool
    /// The constants of normalisation.
    public var normalization: Normalization

    /// A context of these.
    public init(
        channels: Int, size: ImageSize, ratio: ClosedRange<Double> = 0.75...(4.0 / 3.0), flip: Bool,
        normalization: Normalization
    ) {
        self.channels = channels
        self.size = size
        self.ratio = ratio
        self.flip = flip
        self.normalization = normalization
    }
}

/// How several views of each picture are made, for methods that compare them: all that others need to know of it.
public protocol ViewOptions: Sendable {
    /// Whether they are random resized crops, whose shape `ViewContext.ratio` says.
    var areResizedCrops: Bool { get }
    /// The sizes of the views, in their order, where the model is made for pictures of `size`: the first has that size.
    func sizes(of size: ImageSize) -> [ImageSize]
    /// What makes them.
    func makeTransform(_ context: ViewContext) -> any ImageTransform
}

extension TwoViewOptions: ViewOptions {
    /// They are shifted, not resized.
    public var areResizedCrops: Bool { false }

    /// Two of the same size.
    public func sizes(of size: ImageSize) -> [ImageSize] { [size, size] }

    /// A crop of the padded picture and another with changed colours.
    public func makeTransform(_ context: ViewContext) -> any ImageTransform {
        TwoViewTransform(
            shape: (context.channels, context.size.height, context.size.width), options: self, flip: context.flip,
            normalization: context.normalization)
    }
}
