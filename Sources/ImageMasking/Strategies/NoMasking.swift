public import RandomStreams
public import RecipeSchema

/// Hides nothing: for pretexts that change the image in another way.
public struct NoMasking: MaskingStrategy {
    /// The name in recipes.
    public static let name = "none"
    /// Nothing.
    public static let kind = MaskPlan.Kind.nothing

    /// No options.
    public init() {}

    /// None.
    public static let fields: [Field<Self>] = []

    /// The same for every request.
    public func plan(_ request: MaskRequest, random: RandomStream) throws(MaskingError) -> MaskPlan { .nothing }
}
