public import ImageMasking
import Optimizers
public import RecipeSchema
public import VisionTransformers

/// The options of CAPI.
public struct CAPIOptions: PretrainingOptions {
    /// The name in recipes.
    public static let name = "capi"
    /// What others call it.
    public static let otherNames = [
        "clusterandpredict": #""capi""#, "clusterandpredictlatentpatches": #""capi""#,
    ]

    /// Token width of the predictor; nil: the encoder's.
    public var predictorWidth: Int?
    /// Blocks of the predictor.
    public var predictorDepth = 12
    /// Attention heads of the predictor; nil: the encoder's.
    public var predictorHeads: Int?
    /// Clusters.
    public var clusters = 16384
    /// Whether clusters have biases.
    public var clusteringBias = true
    /// Whether assignments are balanced for each cell by itself.
    public var positionwise = true
    /// Rounds of balancing.
    public var sinkhornIterations = 3
    /// What divides scores before they are balanced.
    public var targetTemperature = 0.06
    /// What divides scores in the clustering's loss.
    public var clusteringTemperature = 0.12
    /// What divides the student's scores.
    public var studentTemperature = 0.12
    /// Share of the images that a branch of a block leaves out.
    public var dropPath = 0.2
    /// Momentum of the teacher at the first step.
    public var emaStart = 1.0
    /// Its momentum after the warm-up, and where its schedule ends.
    public var ema = [0.999, 1.0]
    /// The clustering's rate after the warm-up.
    public var clusteringLearningRate = 5e-4
    /// Where its schedule ends.
    public var clusteringMinLearningRate = 0.0
    /// Its weight decay.
    public var clusteringWeightDecay = 0.01
    /// Decay rates of its two moments.
    public var clusteringBetas = [0.9, 0.95]

    /// The published setting.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field(
            "predictor_width", \.predictorWidth, in: .closed(4...65536),
            "Token width of the predictor, a multiple of 4 for each head; null: the encoder's."),
        Field("predictor_depth", \.predictorDepth, in: .closed(1...128), "Blocks of the predictor."),
        Field(
            "predictor_heads", \.predictorHeads, in: .closed(1...1024),
            "Attention heads of the predictor; null: the encoder's."),
        Field("clusters", \.clusters, in: .closed(2...1 << 20), "Clusters that patches are assigned to."),
        Field("clustering_bias", \.clusteringBias, "Whether clusters have biases."),
        Field(
            "positionwise", \.positionwise,
            "Whether assignments are balanced for each cell by itself, over the images of a batch; false: all together."
        ),
        Field("sinkhorn_iterations", \.sinkhornIterations, in: .closed(1...1000), "Rounds of balancing."),
        Field(
            "target_temperature", \.targetTemperature, in: .above(0, upTo: 1000),
            "What divides scores before they are balanced."),
        Field(
            "clustering_temperature", \.clusteringTemperature, in: .above(0, upTo: 1000),
            "What divides scores in the clustering's loss."),
        Field(
            "student_temperature", \.studentTemperature, in: .above(0, upTo: 1000), "What divides the student's scores."
        ),
        Field(
            "drop_path", \.dropPath, in: .range(0..<1),
            "Share of the images that a branch of a block leaves out, the same in every block."),
        Field("ema_start", \.emaStart, in: .closed(0...1), "Momentum of the teacher at the first step."),
        Field(
            "ema", \.ema, in: .list(2...2, of: .closed(0...1)),
            "Momentum of the teacher after the warm-up, and where its schedule ends."),
        Field(
            "clustering_learning_rate", \.clusteringLearningRate, in: .closed(0...1e38),
            "Rate of the clustering after the warm-up, which begins at 0."),
        Field(
            "clustering_min_learning_rate", \.clusteringMinLearningRate, in: .closed(0...1e38),
            "Where the schedule of that rate ends."),
        Field(
            "clustering_weight_decay", \.clusteringWeightDecay, in: .closed(0...1000), "Weight decay of the clustering."
        ),
        Field(
            "clustering_betas", \.clusteringBetas, in: .list(2...2, of: .range(0..<1)),
            "Decay rates of the two moments of the clustering's optimiser."),
    ]

    /// The published settings of other sections.
    public static var recipeDefaults: [(path: String, value: JSONValue)] {
        [
            ("model.position", JSONValue("rope")), ("model.norm", JSONValue("rms")),
            ("model.registers", JSONValue(16)), ("model.class_token", JSONValue(false)),
            ("model.qkv_bias", JSONValue("none")), ("mask.strategy", JSONValue("inverse_block")),
            ("data.crop_scale", JSONValue([JSONValue(0.6), JSONValue(1)])),
            ("train.schedule.name", JSONValue("truncated_cosine")), ("train.learning_rate", JSONValue(1e-3)),
            ("train.weight_decay", JSONValue(0.1)), ("train.patch_embed_multiplier", JSONValue(0.2)),
            ("train.norm_decay_multiplier", JSONValue(0.1)),
        ]
    }

    /// The teacher, as its moving average names it.
    public static func keptEncoderPrefix(owner: String) -> String { "student_ema.backbone." }

    /// Rates and momentum go over the run, and clusters are balanced over a batch.
    public var needs: MethodNeeds {
        var needs = MethodNeeds(masks: Self.masks, providesPatchTokens: true, isScheduledOverRun: true)
        needs.positions = [.rope]
        needs.predictsPart = true
        needs.pairedBatches =
            positionwise ? "method \"capi\" balances the clusters of a cell over the pictures of a batch" : nil
        return needs
    }

    /// Names below `student.backbone.`, a norm with nothing learnt behind the last block.
    public var encoderTraits: EncoderTraits {
        var traits = EncoderTraits(owner: "student.backbone.", initialization: .mae)
        traits.finalNorm = .plain
        traits.epsilon = RotaryBlock.epsilon
        return traits
    }

    /// A perceptron of four widths, no other drop path, and a predictor whose heads can be turned.
    public func faults(encoder: EncoderOptions, grid: PatchGrid) -> [String] {
        let (width, heads) = (predictorWidth ?? encoder.width, predictorHeads ?? encoder.heads)
        var faults = [encoder.partFault(width: width, depth: predictorDepth, on: grid, of: "predictor_")]
            .compactMap { $0 }
        // What is wrong with the encoder's own is said there.
        if (width, heads) != (encoder.width, encoder.heads), width % heads != 0 || width / heads % 4 != 0 {
            faults.append(
                "predictor_width \(width) over predictor_heads \(heads) is no multiple of 4 for each head, as rotary positions "
                    + "need")
        }
        if encoder.mlpRatio != 4, encoder.hiddenWidth > 0 {
            faults.append("its perceptrons are four widths wide; set model.mlp_ratio to 4")
        }
        if encoder.dropPath != 0 {
            faults.append("it drops paths by images of a batch; set model.drop_path to 0 and method.drop_path instead")
        }
        return faults
    }

    /// Where schedules begin without a warm-up or end without a fall, and what another optimiser does not know.
    public func idle(beside others: MethodSurroundings) -> [IdleOption] {
        var idle = others.encoder.idleOrder
        if others.schedule.warmupEpochs == 0 {
            idle.append(("method.ema_start", "without train.schedule.warmup_epochs there is no warm-up that it begins"))
        }
        if others.schedule is ConstantOptions {
            idle.append(("method.clustering_min_learning_rate", "train.schedule is \"constant\""))
        }
        if !(others.optimizer is AdamWOptions) {
            let name = type(of: others.optimizer).name
            idle.append(("method.clustering_betas", "train.optimizer \"\(name)\" has no moments that they decay"))
        }
        return idle
    }

    /// Student, teacher and clustering with the official initial values.
    public func makeMethod(_ context: MethodContext) -> CAPI { CAPI(self, context) }

    /// How scores become assignments.
    var clustering: ClusteringHead.Options {
        ClusteringHead.Options(
            clusters: clusters, hasBias: clusteringBias, positionwise: positionwise, iterations: sinkhornIterations,
            targetTemperature: targetTemperature, temperature: clusteringTemperature)
    }
}
