import Autodiff
import ImageMasking
import PretrainingMethods
import RandomStreams

/// Makes the masks of a recipe: strategy, squares, the part that is predicted, and who says how much a patch matters.
struct MaskMaker: Sendable {
    private let recipe: Recipe
    private let random: RandomStream
    /// The frozen encoder of `mask.teacher`.
    private let teacher: Teacher?

    /// Opens the teacher that the masks follow, where the recipe names one of their own.
    init(_ recipe: Recipe) throws {
        self.recipe = recipe
        random = RandomStream(seed: UInt64(recipe.masking.seed ?? recipe.seed)).child("mask")
        teacher = try recipe.masking.teacher.map { try Teacher($0, recipe.methodContext) }
    }

    /// Whether masks depend on the pictures.
    var followsPictures: Bool { type(of: recipe.mask).needsImportance }

    /// Whether the method is asked how much each patch matters.
    var asksMethod: Bool { followsPictures && teacher == nil }

    /// What a run with these masks is built on besides its recipe.
    func origins(beside method: any PretrainingMethod) -> [String: String] {
        method.origins.merging(origins) { own, _ in own }
    }

    /// Where the teacher came from, and the digest of its weights: a run is not resumed on another, nor are its masks drawn by one.
    var origins: [String: String] {
        teacher.map { ["mask_teacher": $0.path, "mask_teacher_sha256": $0.digest] } ?? [:]
    }

    /// What was taken of the teacher's file, a sentence.
    var notes: [String] { teacher.map { ["mask: \($0.note)"] } ?? [] }

    /// The masks of a batch, its draws from the run's stream of masks, or from `other`; `judge` asks the method how much each patch
    /// matters, where nobody else knows.
    func plan(
        of batch: Batch, step: Int = 0, engine: Engine, random other: RandomStream? = nil, judge: () throws -> [Float]?
    ) throws -> MaskPlan {
        var importance: [Float]?
        if let teacher, followsPictures {
            importance = teacher.view(of: batch.images, wantsImportance: true, engine: engine).importance
        } else if followsPictures {
            importance = try judge()
        }
        return try plan(
            samples: batch.samples, epoch: batch.epoch, step: step, importance: importance, random: other)
    }

    /// The masks of pictures whose importance is known, or does not matter.
    func plan(
        samples: [Int], epoch: Int = 0, step: Int = 0, importance: [Float]? = nil, random other: RandomStream? = nil
    ) throws -> MaskPlan {
        var request = MaskRequest(
            grid: recipe.grid, samples: samples, epoch: epoch, step: step, importance: importance)
        request.counting = recipe.method.needs.counting
        let side = recipe.maskSide ?? 0
        let plan = try recipe.mask.plan(request, unit: side, random: other ?? random)
        guard case .patches(let mask) = plan, let share = recipe.predictedShare else { return plan }
        return .patches(mask.predicting(mask.grid.count - mask.visibleCount - share.skipped * side * side))
    }
}
