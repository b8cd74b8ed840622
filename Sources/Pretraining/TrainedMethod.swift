public import Autodiff
import Checkpoints
import ImageData
import ImageMasking
public import PretrainingMethods
import RandomStreams
import RecipeSchema
import TrainingStep

/// The method of a run as its last checkpoint holds it, decoder and all.
public struct TrainedMethod {
    /// The run's recipe.
    public let recipe: Recipe
    /// Steps that the checkpoint has seen.
    public let step: Int
    /// The method with its parameters.
    public let method: any PretrainingMethod
    /// Newer checkpoints that are damaged, a sentence each.
    public let warnings: [String]
    /// What the checkpoint says of itself, and where it stands.
    private let origin: (metadata: [String: String], place: String)

    /// Reads a checkpoint of a run: that of a step, or the last good one.
    public init(_ folder: RunFolder, step: Int? = nil) throws {
        let recipe = try folder.recipe()
        let checkpoints = folder.checkpoints
        if let step, !checkpoints.steps().contains(step) {
            let kept = checkpoints.steps().map { "\($0)" }.joined(separator: ", ")
            throw RunError(
                .missing,
                "\(checkpoints.path) has no checkpoint of step \(step)"
                    + (kept.isEmpty ? "" : "; there are those of \(kept)"))
        }
        let read = try orRunError { () throws(CheckpointError) -> (checkpoint: Checkpoint?, warnings: [String]) in
            guard let step else { return try checkpoints.latest() }
            return (try checkpoints.read(step: step), [])
        }
        warnings = read.warnings
        guard let found = read.checkpoint else {
            throw RunError(
                .missing,
                read.warnings.isEmpty
                    ? "\(checkpoints.path) has no checkpoint yet; train on with pretrain resume"
                    : "\(checkpoints.path) has no checkpoint that can be used: \(read.warnings[0]). What probe, features and explore "
                        + "read, \(folder.encoderFile), may still be whole")
        }
        let place = checkpoints.folder(of: found.step)
        func loaded<Options: PretrainingOptions>(_ options: Options) throws -> any PretrainingMethod {
            var method = try options.makeMethod(recipe.methodContext)
            try method.parameters.load(found.model, from: place)
            try method.loadState(found.model, from: place)
            return method
        }
        self.recipe = recipe
        self.step = found.step
        origin = (found.model.metadata, place)
        method = try loaded(recipe.method)
    }

    /// What there is to look at of some images `[B, C, H, W]`: as the encoder sees them under the run's masks, and what the method
    /// makes of them. Empty where a method neither hides patches nor returns images; throws where a teacher is another than in training.
    ///
    /// `views` are those that training would make of the pictures, for a recipe that `showsViews`, `[B, C, h, w]` each.
    public func shown(_ images: Tensor, views: [Tensor] = [], engine: Engine) throws -> [ShownImages] {
        let masks = try MaskMaker(recipe)
        try masks.origins(beside: method).requireEqual(to: origin.metadata, of: origin.place)
        return try recipe.shown(images, views: views, by: method, masks, engine: engine)
    }
}

extension Recipe {
    /// Whether what its method has to show are views of whole pictures, as `trainingTransform` makes them.
    public var showsViews: Bool { method.needs.views != nil && method.needs.masks == [.nothing] }

    /// What a method of this recipe has to show of some images `[B, C, H, W]` under masks; see `TrainedMethod.shown`. The method itself
    /// stays as it is, and its random streams are none of training's.
    func shown(
        _ images: Tensor, views: [Tensor] = [], by method: any PretrainingMethod, _ masks: MaskMaker, engine: Engine
    ) throws -> [ShownImages] {
        var method = method
        let samples = Array(0..<images.shape[0])
        let sizes = self.method.needs.views?.sizes(of: data.imageSize).dropFirst() ?? []
        let batch = Batch(
            images: views.first ?? images,
            otherViews: views.isEmpty ? sizes.map { images.sampled($0) } : Array(views.dropFirst()), samples: samples,
            epoch: train.epochs - 1)
        let random = RandomStream(seed: UInt64(seed)).child("view")
        let plan = try masks.plan(of: batch, engine: engine, random: random) {
            try method.importance(of: batch, engine: engine)
        }
        var tape = Tape(engine: engine, recording: false)
        let result = try method.loss(batch, plan, StepRequest(wantsImages: true), random: random, on: &tape)
        // Where nobody made views, the picture stands for them all, and is no view to look at.
        return plan.seen(images) + (showsViews && views.isEmpty ? [] : result.shown)
    }
}

extension Tensor {
    /// Images `[B, C, H, W]` at another size, by the nearest pixels; the same at their own.
    fileprivate func sampled(_ size: ImageSize) -> Tensor {
        let (height, width) = (shape[2], shape[3])
        guard size != ImageSize(height: height, width: width) else { return self }
        let planes = shape[0] * shape[1]
        let values = withUnsafeBuffer { values in
            (0..<planes).flatMap { plane in
                (0..<size.height * size.width).map { pixel in
                    let row = pixel / size.width * height / size.height
                    return values[(plane * height + row) * width + pixel % size.width * width / size.width]
                }
            }
        }
        return Tensor(values, [shape[0], shape[1], size.height, size.width])
    }
}
