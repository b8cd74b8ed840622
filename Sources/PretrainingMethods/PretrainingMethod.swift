public import Autodiff
public import ImageMasking
public import RandomStreams
public import RecipeSchema
public import VisionTransformers

/// The images of one micro-batch.
public struct Batch: Sendable {
    /// Normalised images, `[B, C, H, W]`.
    public var images: Tensor
    /// Their dataset numbers.
    public var samples: [Int]
    /// The epoch, from 0.
    public var epoch: Int

    /// A batch of images.
    public init(images: Tensor, samples: [Int], epoch: Int = 0) {
        self.images = images
        self.samples = samples
        self.epoch = epoch
    }

    /// The stream of each image for one purpose: a function of (seed, purpose, epoch, sample).
    public func streams(_ random: RandomStream) -> [RandomStream] {
        let epoch = random.child(epoch)
        return samples.map { epoch.child($0) }
    }
}

/// What a forward pass gives.
public struct StepResult {
    /// The loss to minimise, a scalar.
    public var loss: Variable
    /// The loss that the best constant prediction would have on the same batch; nil where that has no meaning.
    public var constantLoss: Double?

    /// A loss, and beside it that of the best constant.
    public init(loss: Variable, constantLoss: Double? = nil) {
        self.loss = loss
        self.constantLoss = constantLoss
    }
}

/// How a method is asked to run a forward pass.
public struct StepRequest {
    /// The run's stream for draws inside the model.
    public var random: RandomStream
    /// Whether to compute the loss of the best constant too; only for steps that are logged.
    public var wantsConstantLoss: Bool
    /// Where to report named values, for golden cases and pictures.
    public var trace: ForwardTrace?

    /// A plain training step, unless told otherwise.
    public init(random: RandomStream, wantsConstantLoss: Bool = false, trace: ForwardTrace? = nil) {
        self.random = random
        self.wantsConstantLoss = wantsConstantLoss
        self.trace = trace
    }
}

/// The recipe side of a method: its section `method`.
public protocol PretrainingOptions: NamedSection {
    /// The training side.
    associatedtype Method: PretrainingMethod
    /// The kinds of mask plan that it can use.
    static var masks: Set<MaskPlan.Kind> { get }
    /// A method with initial weights drawn from `random`.
    func makeMethod(encoder: EncoderOptions, grid: PatchGrid, random: RandomStream) -> Method
}

/// The training side of a method: owned by one trainer, never shared.
public protocol PretrainingMethod: Sendable {
    /// What the optimiser may change, in checkpoint order.
    var parameters: ParameterStore { get set }
    /// The encoder that is kept after pretraining; its parameters are in `parameters`.
    var encoder: Encoder { get }
    /// Records the forward pass of a batch; returns its loss.
    func loss(_ batch: Batch, _ plan: MaskPlan, _ request: StepRequest, on tape: inout Tape) throws -> StepResult
}

/// A method that predicts pixels, so that its predictions can be looked at.
public protocol PixelReconstructing: PretrainingMethod {
    /// The images as predicted, `[B, C, H, W]`, normalised as the input. Where the target is normalised per patch, mean and
    /// deviation of the true patch are put back: the picture then shows more than the model knows.
    func reconstructed(_ batch: Batch, _ plan: MaskPlan, engine: Engine) throws -> Tensor
}
