public import Autodiff
public import ImageMasking
public import Optimizers
public import RandomStreams
import TrainingStep
public import VisionTransformers

/// Masked image modelling without reconstruction: the visible tokens of the student learn what a frozen teacher makes of the
/// whole image at the same places.
///
/// Xue, Gao, Li, Qin, Wu, Li, *Stare at What You See: Masked Image Modeling without Reconstruction*, CVPR 2023, arXiv
/// 2211.08887. There is no decoder and no mask token. The student's blocks are mixed for each block of the teacher, a head maps
/// them to its width, and with F̂ the prediction and ŷ the normalised target
///
///     L = Σ_t ω_t · mean ℓ(F̂_t, ŷ_t)    over class token and visible patches.
public struct MaskAlign: PretrainingMethod {
    /// Student, mixing weights, heads.
    public var parameters: ParameterStore
    /// The student.
    public let encoder: Encoder
    private let options: MaskAlignOptions
    private let teacher: Teacher
    private let alignment: DynamicAlignment
    private let heads: [DistillHead]
    /// ω, and the blocks of the teacher where it is not 0.
    private let layerWeights: [Double]
    private let wanted: [Int]
    private let idle: Set<String>
    /// What the teacher made of the images it was last asked about: masks and loss of a batch look at it once.
    private var seen: (images: Tensor, view: Teacher.View)?

    init(_ options: MaskAlignOptions, _ context: MethodContext, _ teacher: Teacher) throws {
        let (students, teachers) = (context.encoder.depth, teacher.encoder.options.depth)
        func fault(_ reason: String) -> MethodError { .unusableFile(path: teacher.path, reason: reason) }
        let fusion = options.fusion ?? (students == teachers ? .linear : .sum)
        guard fusion == .sum || students == teachers else {
            throw fault(
                "it has \(teachers) blocks, and method.fusion \"\(fusion.rawValue)\" needs as many as model.depth, which is "
                    + "\(students); set method.fusion to \"sum\"")
        }
        let layers = options.lossLayers ?? .top(min(5, teachers))
        guard let weights = layers.weights(of: teachers) else {
            throw fault(
                "it has \(teachers) blocks, too few for method.loss_layers \"\(layers.text)\"; \"mean\" takes any number"
            )
        }
        var store = ParameterStore(limit: context.parameterLimit)
        let random = context.random
        encoder = Encoder(context.encoder, grid: context.grid, adding: &store, random: random)
        alignment = DynamicAlignment(fusion, teacherBlocks: teachers, studentBlocks: students, adding: &store)
        heads = (0..<teachers).map { block in
            DistillHead(
                options.head, block: block, width: context.encoder.width, outputs: teacher.encoder.options.width,
                adding: &store, random: random)
        }
        wanted = weights.indices.filter { weights[$0] > 0 }
        layerWeights = weights
        let last = wanted.last ?? 0
        idle = Set(
            store.entries.map(\.name).filter { name in
                if name.hasPrefix("norm.") { return true }
                if let block = Self.block(of: name, in: "distill_heads.") { return weights[block] == 0 }
                guard fusion == .simple, let block = Self.block(of: name, in: "blocks.") else { return false }
                return block > last
            })
        parameters = store
        self.options = options
        self.teacher = teacher
    }

    private static func block(of name: String, in list: String) -> Int? {
        guard name.hasPrefix(list) else { return nil }
        return name.dropFirst(list.count).split(separator: ".").first.flatMap { Int($0) }
    }

    /// Where the teacher came from, and the digest of its weights.
    public var origins: [String: String] { ["teacher": teacher.path, "teacher_sha256": teacher.digest] }

    /// What was taken of the teacher's file.
    public var notes: [String] { [teacher.note] }

    /// What the loss does not reach stays as it is, and mixing weights are not decayed.
    public func treatment(of parameter: ParameterEntry) -> ParameterTreatment {
        if idle.contains(parameter.name) { return .idle }
        if parameter.name == DynamicAlignment.name { return .undecayed }
        return DecayRule.matrices.treatment(of: parameter)
    }

    /// The attention of the teacher's class token to each patch; without a class token the attention that a patch receives.
    public mutating func importance(of batch: Batch, engine: Engine) throws -> [Float]? {
        view(of: batch.images, wantsImportance: true, engine).importance
    }

    private mutating func view(of images: Tensor, wantsImportance: Bool, _ engine: Engine) -> Teacher.View {
        if let seen, seen.images.isEqual(to: images), seen.view.importance != nil || !wantsImportance {
            return seen.view
        }
        let view = teacher.view(of: images, wantsImportance: wantsImportance, engine: engine)
        seen = (images, view)
        return view
    }

    /// Stochastic depth of the student.
    public func draws(for batch: Batch, _ mask: PatchMask, random: RandomStream) -> PathDraws {
        encoder.pathDraws(for: batch, rate: options.dropPath, random: random)
    }

    /// The distance of the student's mixed tokens from the teacher's.
    public mutating func loss(
        _ batch: Batch, _ mask: PatchMask, _ drop: PathDraws, _ request: StepRequest, on tape: inout Tape
    ) -> StepResult {
        let view = view(of: batch.images, wantsImportance: request.trace != nil, tape.engine)
        let run = encoder(
            batch.images, seeing: .visible(mask.visibleRows), parameters, drop: drop, keeping: .layers, on: &tape,
            trace: request.trace?.scope("encoder"))
        let hasClass = encoder.options.classToken && teacher.encoder.options.classToken
        let rows = teacherRows(mask, withClass: hasClass)
        let fused = alignment(run.layers, for: wanted, parameters, on: &tape)
        var total: Variable?
        var constant = 0.0
        for (block, mixed) in zip(wanted, fused) {
            let compared = hasClass ? mixed : tape.sliceRows(mixed, encoder.prefix..<mixed.shape[1])
            let predicted = heads[block](compared, parameters, on: &tape)
            let normed = options.targetNorm(view.layers[block], engine: tape.engine)
            let target = tape.gatherRows(tape.constant(normed), rows).value
            let distance = options.loss(predicted, target: target, on: &tape)
            let term = tape.scale(distance, by: Float(layerWeights[block]))
            if let sum = total { total = tape.add(sum, term) } else { total = term }
            if request.wantsConstantLoss {
                constant +=
                    layerWeights[block]
                    * constantLoss(of: target, engine: tape.engine) { options.loss($0, target: $1, on: &$2) }
            }
            guard let trace = request.trace?.scope("layer_\(block)") else { continue }
            trace.record("fused", mixed.value)
            trace.record("prediction", predicted.value)
            trace.record("target", target)
            trace.record("loss", distance.value)
        }
        // Between two batches nothing of the old one is kept.
        seen = nil
        if let trace = request.trace?.scope("teacher") { record(view, in: trace) }
        guard let total else { preconditionFailure("the weights of the teacher's blocks are all 0") }
        var result = StepResult(loss: total, constantLoss: request.wantsConstantLoss ? constant : nil)
        if request.wantsPatchTokens { result.patchTokens = encoder.patches(of: run.normed, on: &tape) }
        return result
    }

    /// The teacher's tokens that are compared: the class token, and the visible patches in the order of the mask.
    private func teacherRows(_ mask: PatchMask, withClass: Bool) -> RowIndices {
        let offset: Int32 = teacher.encoder.options.classToken ? 1 : 0
        let first: [Int32] = withClass ? [0] : []
        return RowIndices((0..<mask.imageCount).map { image in first + mask.visible(image).map { $0 + offset } })
    }

    private func record(_ view: Teacher.View, in trace: ForwardTrace) {
        trace.record("input", view.input)
        trace.record("positions", teacher.positions)
        for (block, tokens) in view.layers.enumerated() { trace.record("block_\(block)", tokens) }
        if let importance = view.importance {
            let images = view.input.shape[0]
            trace.record("importance", Tensor(importance, [images, importance.count / images]))
        }
    }
}

extension Tensor {
    /// Whether all numbers are the same.
    fileprivate func isEqual(to other: Tensor) -> Bool {
        guard shape == other.shape else { return false }
        return withUnsafeBuffer { own in other.withUnsafeBuffer { own.elementsEqual($0) } }
    }
}
