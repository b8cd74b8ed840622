import ImageMasking
import Optimizers
public import PretrainingMethods
public import RecipeSchema
import VisionTransformers

/// What a recipe may say of any masking strategy: keys of the section `mask` beside the strategy's own.
public struct MaskOptions: RecipeSection {
    /// Side of the squares that are hidden whole, in pixels; nil: a patch.
    public var unit: Int?
    /// The share of all patches that is predicted; nil: all that are hidden.
    public var predictedRatio: Double?
    /// The seed of masks; nil: the recipe's.
    public var seed: Int?
    /// A frozen encoder that says how much each patch matters; nil: the method's own, if it has one.
    public var teacher: TeacherOptions?

    /// Single patches, all predicted, drawn by the recipe's seed.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field(
            "unit", \.unit, in: .closed(1...65500),
            "Side of the squares that are hidden whole, in pixels, a multiple of model.patch_size; null: one patch."),
        Field(
            "predicted_ratio", \.predictedRatio, in: .above(0, upTo: 1),
            "Share of all patches that is predicted by crossmae and capi: what is left of the hidden ones behind the skipped, whose "
                + "number is rounded down; null: all hidden ones, or the strategy's own part."
        ),
        Field(
            "seed", \.seed, in: .closed(0...1 << 53 - 1),
            "The seed of masks alone: initial values, crops and order stay; null: the recipe's."),
        Field(
            "teacher", \.teacher,
            "A frozen encoder that says how much each patch matters, for strategies that need it; null: the method's."),
    ]
}

extension Recipe {
    /// Side of the squares that are hidden whole, in patches; nil where the unit is no multiple of the patch.
    var maskSide: Int? {
        guard let unit = masking.unit else { return 1 }
        return unit % model.patchSize == 0 ? unit / model.patchSize : nil
    }

    /// The grid on which the strategy works; nil where the squares do not tile the picture.
    var maskGrid: PatchGrid? { maskSide.flatMap(grid.units) }

    /// What is seen, skipped and predicted of the squares, where a part is predicted; nil where all hidden ones are.
    var predictedShare: PredictedShare? {
        guard let predicted = masking.predictedRatio, let grid = maskGrid, let hidden = mask.hiddenShare(on: grid)
        else { return nil }
        return PredictedShare(of: grid.count, hidden: hidden, predicted: predicted)
    }

    /// What the base rate is multiplied with because a part of the hidden patches is predicted.
    ///
    /// The part is the share that is asked for, not what rounding makes of it on a grid.
    var predictionFactor: Double {
        guard let scale = train.predictionScale else { return 1 }
        if let predicted = masking.predictedRatio, let hidden = maskGrid.flatMap(mask.hiddenShare) {
            return scale.factor(hidden: hidden, predicted: predicted)
        }
        return mask.predictedPart.map { scale.factor(hidden: 1, predicted: $0) } ?? 1
    }
}
