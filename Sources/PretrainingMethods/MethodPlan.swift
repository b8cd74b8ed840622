public import ImageMasking

/// A mask plan as one method takes it: of the kinds that it can use, and of no other.
public protocol MethodPlan: Sendable {
    /// The kinds of plan that it is made of.
    static var kinds: Set<MaskPlan.Kind> { get }
    /// The plan as the method takes it; nil for another kind.
    init?(_ plan: MaskPlan)
}

extension PatchMask: MethodPlan {
    /// Hidden patches.
    public static var kinds: Set<MaskPlan.Kind> { [.patches] }
    /// The mask of patches; nil for another kind.
    public init?(_ plan: MaskPlan) {
        guard case .patches(let mask) = plan else { return nil }
        self = mask
    }
}

extension BlockMask: MethodPlan {
    /// Contexts and targets.
    public static var kinds: Set<MaskPlan.Kind> { [.blocks] }
    /// The mask of blocks; nil for another kind.
    public init?(_ plan: MaskPlan) {
        guard case .blocks(let mask) = plan else { return nil }
        self = mask
    }
}

/// Removed frequencies, or pictures that are left whole for a method to degrade.
public enum FrequencyPlan: MethodPlan {
    /// A part of the spectrum is removed.
    case frequencies(FrequencyMask)
    /// Nothing is hidden.
    case nothing

    /// Frequencies, or nothing.
    public static var kinds: Set<MaskPlan.Kind> { [.frequencies, .nothing] }
    /// The filters, or none; nil for another kind.
    public init?(_ plan: MaskPlan) {
        switch plan {
        case .frequencies(let mask): self = .frequencies(mask)
        case .nothing: self = .nothing
        case .patches, .blocks: return nil
        }
    }
}

/// No plan: pictures are seen whole.
public struct WholePictures: MethodPlan {
    /// Nothing is hidden.
    public static let kinds: Set<MaskPlan.Kind> = [.nothing]
    /// Nothing to take apart.
    public init() {}
    /// Nil for a plan that hides something.
    public init?(_ plan: MaskPlan) {
        guard case .nothing = plan else { return nil }
    }
}
