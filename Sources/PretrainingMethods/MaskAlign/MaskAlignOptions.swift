public import ImageMasking
public import RecipeSchema
public import VisionTransformers

/// How the outputs of the student's blocks are mixed for one block of the teacher.
public enum AlignmentFusion: String, RecipeEnum {
    /// Learnt weights that start as the identity plus 0.01; as many blocks as the teacher.
    case linear
    /// Learnt weights that start even; any number of blocks.
    case sum
    /// Block by block, nothing mixed.
    case simple
}

/// What maps the student's tokens to the teacher's width.
public enum AlignmentHead: String, RecipeEnum {
    /// A linear layer.
    case linear
    /// Norm, linear layer.
    case normLinear = "norm_linear"
    /// Linear layer, GELU, linear layer.
    case mlp
    /// Linear layer, norm, linear layer.
    case mlp2
}

/// The options of MaskAlign.
public struct MaskAlignOptions: PretrainingOptions {
    /// The name in recipes.
    public static let name = "maskalign"

    /// How the student's blocks are mixed; nil: `linear` for as many blocks as the teacher's, else `sum`.
    public var fusion: AlignmentFusion?
    /// What maps tokens to the teacher's width.
    public var head = AlignmentHead.linear
    /// How the teacher's tokens are normalised.
    public var targetNorm = TargetNorm.whiten
    /// How far predictions are from targets.
    public var loss = AlignmentLoss.smoothL1
    /// Which blocks of the teacher count; nil: the last five, or all where there are fewer.
    public var lossLayers: LossLayers?
    /// Chance that a residual branch of the student is dropped for an image, rising linearly from 0 in the first block.
    public var dropPath = 0.1
    /// The frozen encoder that is learnt from.
    public var teacher = TeacherOptions()

    /// The published setting for ViT-B; the teacher's path is missing.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field(
            "fusion", \.fusion,
            "How the student's blocks are mixed; null: linear for as many as the teacher's, else sum."),
        Field("head", \.head, "What maps the student's tokens to the teacher's width."),
        Field("target_norm", \.targetNorm, "How the teacher's tokens are normalised."),
        Field("loss", \.loss, "Distance of predictions and targets."),
        Field(
            "loss_layers", \.lossLayers,
            "Blocks of the teacher that count: mean, out, linear_decay, topK (the last K), midK (block K); null: top5, or "
                + "all of fewer."),
        Field("drop_path", \.dropPath, in: .range(0..<1), "Chance of dropping a residual branch, linear over depth."),
        Field("teacher", \.teacher, "The frozen encoder that is learnt from."),
    ]

    /// The teacher's attention says what matters.
    public var needs: MethodNeeds {
        var needs = MethodNeeds(masks: Self.masks, providesImportance: true, providesPatchTokens: true)
        needs.mayHideNothing = true
        return needs
    }

    /// Masks drawn from the teacher's attention, and the published schedule.
    public static var recipeDefaults: [(path: String, value: JSONValue)] {
        [
            ("mask.strategy", JSONValue("attention")), ("train.schedule.min_learning_rate", JSONValue(1e-5)),
            ("train.schedule.warmup_epochs", JSONValue(20)),
        ]
    }

    /// A teacher is needed, and drop path has one place.
    public func faults(encoder: EncoderOptions, grid: PatchGrid) -> [String] {
        var faults: [String] = []
        if teacher.path.isEmpty {
            faults.append(
                "teacher.path is missing; name a run of this program, its encoder.safetensors, or a safetensors file of a "
                    + "vision transformer")
        }
        if encoder.dropPath > 0 {
            faults.append(
                "maskalign has its own drop_path, for the student; set method.drop_path instead of model.drop_path")
        }
        return faults
    }

    /// Student, mixing weights and heads with initial values, beside the teacher of the recipe.
    public func makeMethod(_ context: MethodContext) throws -> MaskAlign {
        try makeMethod(context, teacher: Teacher(teacher, context))
    }

    /// The same with a teacher that is there already.
    public func makeMethod(_ context: MethodContext, teacher: Teacher) throws -> MaskAlign {
        try MaskAlign(self, context, teacher)
    }
}
