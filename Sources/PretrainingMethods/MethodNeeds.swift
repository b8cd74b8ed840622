public import ImageData
public import ImageMasking
public import VisionTransformers

/// What a method, with its options, asks of the rest of a recipe, and what it can give.
public struct MethodNeeds: Sendable {
    /// The kinds of mask plan that it can use.
    public var masks: Set<MaskPlan.Kind>
    /// Whether it can say how much each patch of an image matters, for strategies that need to know.
    public var providesImportance: Bool
    /// Whether it can hand out the patch tokens of its trained branch, for a regulariser that keeps them from collapsing.
    public var providesPatchTokens: Bool
    /// Whether the encoder's heads must share its width evenly.
    public var sharesWidthEvenly: Bool
    /// How several views of each picture are to be made; nil for the usual single crop.
    public var views: (any ViewOptions)?
    /// Why pictures must be shown whole, so that `data.crop_scale` has to be null; nil where they may be cropped.
    public var wholePictures: String?
    /// Why the loss of an image depends on the others of its batch, so that accumulating smaller batches changes the result; nil
    /// where it does not.
    public var wholeBatches: String?
    /// How a share of hidden patches becomes a number of them.
    public var counting = CountRule.visibleDown
    /// Whether it learns from what is visible, so that nothing need be hidden.
    public var mayHideNothing = false
    /// Whether it may predict a part of the hidden patches only.
    public var predictsPart = false
    /// The kinds of positions that its encoder can have.
    public var positions: Set<PositionKind> = [.sincos, .learned]
    /// Whether hidden patches have places in its encoder, so that terms for pairs of all patches have a meaning.
    public var encodesHidden = false
    /// Why a batch must hold two pictures or more; nil where one is enough.
    public var pairedBatches: String?
    /// Whether anything that it does in a step depends on how long the whole run is, such as a momentum that rises to its end.
    public var isScheduledOverRun: Bool

    /// The needs of a plain method, unless told otherwise.
    public init(
        masks: Set<MaskPlan.Kind>, providesImportance: Bool = false, providesPatchTokens: Bool = false,
        sharesWidthEvenly: Bool = true,
        views: (any ViewOptions)? = nil, wholePictures: String? = nil, wholeBatches: String? = nil,
        pairedBatches: String? = nil, isScheduledOverRun: Bool = false
    ) {
        self.masks = masks
        self.providesImportance = providesImportance
        self.providesPatchTokens = providesPatchTokens
        self.sharesWidthEvenly = sharesWidthEvenly
        self.views = views
        self.wholePictures = wholePictures
        self.wholeBatches = wholeBatches
        self.pairedBatches = pairedBatches
        self.isScheduledOverRun = isScheduledOverRun
    }
}

extension MethodNeeds {
    /// Why the method of a name cannot use an encoder's kind of positions.
    public func positionFault(of encoder: EncoderOptions, in method: String) -> String? {
        guard !positions.contains(encoder.position) else { return nil }
        let allowed = PositionKind.allCases.filter(positions.contains).map { "\"\($0.rawValue)\"" }
        return "method \"\(method)\" cannot use \"\(encoder.position.rawValue)\"; it takes "
            + allowed.joined(separator: ", ")
    }

    /// Whether terms for pairs of all patches have a meaning under these kinds of plan: every patch then has a place in the encoder.
    public func takesRelativeBias(under plans: Set<MaskPlan.Kind>) -> Bool {
        encodesHidden || plans.isSubset(of: [.frequencies, .nothing])
    }
}
