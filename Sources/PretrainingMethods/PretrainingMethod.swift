public import Autodiff
public import ImageMasking
public import Optimizers
public import RandomStreams
public import RecipeSchema
public import TrainingStep
public import VisionTransformers

/// The images of one micro-batch.
public struct Batch: Sendable {
    /// Normalised images, `[B, C, H, W]`.
    public var images: Tensor
    /// Other views of the same pictures, `[B, C, h, w]` each, of the sizes that the method's `needs.views` say.
    public var otherViews: [Tensor]
    /// Their dataset numbers.
    public var samples: [Int]
    /// The epoch, from 0.
    public var epoch: Int
    /// The number of this batch in its run, from 0: for what is drawn once for all of its pictures.
    public var step: Int
    /// What identifies each picture in its source, such as a path; empty where nobody said.
    public var keys: [String]
    /// Whether each image was mirrored left to right; empty where nobody said.
    public var mirrored: [Bool]

    /// A batch of images.
    public init(
        images: Tensor, otherViews: [Tensor] = [], samples: [Int], epoch: Int = 0, step: Int = 0, keys: [String] = [],
        mirrored: [Bool] = []
    ) {
        self.images = images
        self.otherViews = otherViews
        self.samples = samples
        self.epoch = epoch
        self.step = step
        self.keys = keys
        self.mirrored = mirrored
    }

    /// The stream of each image for one purpose: a function of (seed, purpose, epoch, sample).
    public func streams(_ random: RandomStream) -> [RandomStream] {
        let epoch = random.child(epoch)
        return samples.map { epoch.child($0) }
    }
}

/// Images that a method made of a batch: what it saw, or what it predicts.
public struct ShownImages: Sendable {
    /// What they are, in a word: `predicted`.
    public var name: String
    /// The images `[B, C, h, w]`, normalised as the input.
    public var images: Tensor
    /// Whether they are red, green and blue in [0, 1] instead, `[B, 3, h, w]`, whatever channels the input has.
    public var areColours = false
    /// What to know before judging them; nil where there is nothing.
    public var caution: String?

    /// Images under a name.
    public init(_ name: String, _ images: Tensor, caution: String? = nil) {
        self.name = name
        self.images = images
        self.caution = caution
    }
}

/// What a forward pass gives.
public struct StepResult {
    /// The loss to minimise, a scalar.
    public var loss: Variable
    /// The loss that the best constant prediction would have on the same batch; nil where that has no meaning.
    public var constantLoss: Double?
    /// What tells learning from collapse, by name, for rows of logged steps.
    public var indicators: [(name: String, value: Double)] = []
    /// Images that can be looked at, where they were asked for.
    public var shown: [ShownImages] = []
    /// The visible patch tokens of the trained branch after its final norm, `[rows, K, D]`, a row of tokens for each sequence that
    /// was encoded; where they were asked for, of methods whose needs say that they have them.
    public var patchTokens: Variable?

    /// A loss, and beside it that of the best constant.
    public init(loss: Variable, constantLoss: Double? = nil) {
        self.loss = loss
        self.constantLoss = constantLoss
    }
}

/// What a method is built for: the parts of a recipe outside its own section that it may need.
public struct MethodContext: Sendable {
    /// The encoder.
    public var encoder: EncoderOptions
    /// The patch grid of the images.
    public var grid: PatchGrid
    /// Mean of each channel that images were normalised with; one number for all, or one a channel.
    public var mean: [Double]
    /// Deviation of each channel, like the mean.
    public var deviation: [Double]
    /// The stream of initial values.
    public var random: RandomStream
    /// Most numbers of all parameters together; a method that wants more is not made whole (`ParameterStore.isOverLimit`).
    public var parameterLimit = Int.max

    /// A context; images that were not normalised have mean 0 and deviation 1.
    public init(
        encoder: EncoderOptions, grid: PatchGrid, mean: [Double] = [0], deviation: [Double] = [1], random: RandomStream
    ) {
        self.encoder = encoder
        self.grid = grid
        self.mean = mean
        self.deviation = deviation
        self.random = random
    }

    /// Height and width of the images, in pixels.
    public var imageSize: (height: Int, width: Int) {
        (grid.rows * encoder.patchSize, grid.columns * encoder.patchSize)
    }
}

/// What is wanted of a forward pass besides its loss.
public struct StepRequest {
    /// Whether to compute the loss of the best constant and the indicators too; only for steps that are logged.
    public var wantsConstantLoss: Bool
    /// Whether to return images that can be looked at.
    public var wantsImages: Bool
    /// Whether to return the patch tokens of the trained branch, for what is added to the loss.
    public var wantsPatchTokens: Bool
    /// Where to report named values, for golden cases.
    public var trace: ForwardTrace?

    /// A plain training step, unless told otherwise.
    public init(
        wantsConstantLoss: Bool = false, wantsImages: Bool = false, wantsPatchTokens: Bool = false,
        trace: ForwardTrace? = nil
    ) {
        self.wantsConstantLoss = wantsConstantLoss
        self.wantsImages = wantsImages
        self.wantsPatchTokens = wantsPatchTokens
        self.trace = trace
    }
}

/// The recipe side of a method: its section `method`.
public protocol PretrainingOptions: NamedSection {
    /// The training side.
    associatedtype Method: PretrainingMethod
    /// What stands in checkpoints in front of the names of the encoder that is kept, where the trained one's have `owner` in front.
    static func keptEncoderPrefix(owner: String) -> String
    /// The values that other sections of a recipe take for this method where the recipe does not say, such as
    /// `("model.class_token", false)`.
    static var recipeDefaults: [(path: String, value: JSONValue)] { get }
    /// Names, initial values and other traits of the encoder that it trains.
    var encoderTraits: EncoderTraits { get }
    /// What it asks of the rest of a recipe with these options, and what it can give.
    var needs: MethodNeeds { get }
    /// Why the method cannot work with an encoder on a grid, a sentence each; checked before any image is read.
    func faults(encoder: EncoderOptions, grid: PatchGrid) -> [String]
    /// Options of its own, or of other sections, that change nothing beside the others, by key path, each with the reason: told, not
    /// refused, where they are set to something else than their default.
    func idle(beside others: MethodSurroundings) -> [IdleOption]
    /// Why it cannot work with micro-batches of a size, a sentence; nil where it can.
    func fault(batchSize: Int) -> String?
    /// A method with initial weights; throws where a file that it needs cannot be used.
    func makeMethod(_ context: MethodContext) throws -> Method
}

extension PretrainingOptions {
    /// The kinds of mask plan that it can use under one option or another.
    public static var masks: Set<MaskPlan.Kind> { Method.Plan.kinds }
    /// What its plans say.
    public var needs: MethodNeeds { MethodNeeds(masks: Self.masks) }
    /// The trained encoder.
    public static func keptEncoderPrefix(owner: String) -> String { owner }
    /// The defaults of the sections themselves.
    public static var recipeDefaults: [(path: String, value: JSONValue)] { [] }
    /// No fault.
    public func faults(encoder: EncoderOptions, grid: PatchGrid) -> [String] { [] }
    /// None.
    public func idle(beside others: MethodSurroundings) -> [IdleOption] { [] }
    /// No fault.
    public func fault(batchSize: Int) -> String? { nil }
    /// The official MAE's.
    public var encoderTraits: EncoderTraits { EncoderTraits() }
}

/// The training side of a method: owned by one trainer, never shared.
public protocol PretrainingMethod: ParameterOwner, Sendable {
    /// What is hidden, as this method takes it.
    associatedtype Plan: MethodPlan
    /// All that it draws in one pass: made from its stream (`draws`), or given, as golden cases do.
    associatedtype Draws: Sendable
    /// The encoder that is kept after pretraining.
    var encoder: Encoder { get }
    /// What the kept encoder runs on: the trained parameters, or a moving average of them.
    var encoderParameters: ParameterStore { get }
    /// What else must survive a restart, by checkpoint name: moving averages, running statistics.
    var state: [String: Tensor] { get set }
    /// What it was built on besides its recipe, such as the digest of a teacher's weights. It is kept in checkpoints, and a run
    /// is not resumed on anything else.
    var origins: [String: String] { get }
    /// What the log should say of how it was made, a sentence each: what was taken of a teacher's file.
    var notes: [String] { get }
    /// How much each patch of a batch matters, `[B · N]`, none below 0; asked before the masks are made where the strategy needs
    /// it. Nil for a method that does not know.
    mutating func importance(of batch: Batch, engine: Engine) throws -> [Float]?
    /// What the optimiser does with a parameter.
    func treatment(of parameter: ParameterEntry) -> ParameterTreatment
    /// Told once, before the first step, how long the run is and how its rate goes, for what the method schedules by itself.
    mutating func begin(_ run: RunLength, _ schedule: any ScheduleOptions)
    /// The draws of a pass: those of an image from its own stream, so that they depend on seed, epoch and sample alone.
    func draws(for batch: Batch, _ plan: Plan, random: RandomStream) throws -> Draws
    /// Records the forward pass of a batch; returns its loss. Running statistics may change, parameters do not.
    mutating func loss(
        _ batch: Batch, _ plan: Plan, _ draws: Draws, _ request: StepRequest, on tape: inout Tape
    ) throws -> StepResult
    /// After parameters were taken from a file before the first step: moving averages begin as copies of them.
    mutating func adoptParameters()
}

extension PretrainingMethod {
    /// The trained parameters.
    public var encoderParameters: ParameterStore { parameters }
    /// Nothing but parameters.
    public var state: [String: Tensor] {
        get { [:] }
        set { precondition(newValue.isEmpty, "\(Self.self) keeps no state, got \(newValue.keys.sorted())") }
    }
    /// Nothing but the recipe.
    public var origins: [String: String] { [:] }
    /// Nothing to say.
    public var notes: [String] { [] }
    /// It does not know.
    public mutating func importance(of batch: Batch, engine: Engine) throws -> [Float]? { nil }
    /// Decay of matrices.
    public func treatment(of parameter: ParameterEntry) -> ParameterTreatment {
        DecayRule.matrices.treatment(of: parameter)
    }
    /// It schedules nothing but averages.
    public mutating func begin(_ run: RunLength, _ schedule: any ScheduleOptions) {}
    /// Nothing to begin anew.
    public mutating func adoptParameters() {}

    /// A pass under a plan of any strategy, with the draws of the run's stream; a plan of another kind than the method's is an
    /// error.
    public mutating func loss(
        _ batch: Batch, _ plan: MaskPlan, _ request: StepRequest = StepRequest(), random: RandomStream,
        on tape: inout Tape
    ) throws -> StepResult {
        guard let own = Plan(plan) else { throw MethodError.wrongPlan(method: "\(Self.self)", plan.kind) }
        return try loss(batch, own, draws(for: batch, own, random: random), request, on: &tape)
    }
}

/// Draws that an encoder's stochastic depth alone makes: what multiplies its branches; nil where nothing is dropped.
public typealias PathDraws = [BranchFactors]?

extension PretrainingMethod where Draws == PathDraws {
    /// Stochastic depth of the encoder at the recipe's `model.drop_path`.
    public func draws(for batch: Batch, _ plan: Plan, random: RandomStream) -> PathDraws {
        encoder.pathDraws(for: batch, random: random)
    }
}

extension Encoder {
    /// Stochastic depth of the blocks, each image from its own stream; the rate is `model.drop_path`, unless a method has its own.
    func pathDraws(for batch: Batch, rate: Double? = nil, random: RandomStream) -> PathDraws {
        DropPath.drawn(
            rate: rate ?? options.dropPath, depth: options.depth, streams: batch.streams(random.child("drop_path")))
    }
}
