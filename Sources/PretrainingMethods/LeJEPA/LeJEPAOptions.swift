public import ImageData
public import ImageMasking
public import RecipeSchema
public import VisionTransformers

/// Which rows one statistic of SIGReg is taken over.
public enum SIGRegScope: String, RecipeEnum {
    /// Each view by itself, B rows; the mean over views.
    case view
    /// All views together, V·B rows.
    case all
}

/// How invariance and SIGReg make a loss, with λ the weight of SIGReg.
public enum SIGRegCombination: String, RecipeEnum {
    /// (1 − λ) · invariance + λ · SIGReg.
    case convex
    /// invariance + λ · SIGReg.
    case sum
}

/// The norm in the projector of LeJEPA.
public enum ProjectorNorm: String, RecipeEnum {
    /// Over all views of a batch, with running statistics.
    case batch = "BN"
}

/// The options of LeJEPA.
public struct LeJEPAOptions: PretrainingOptions {
    /// The name in recipes.
    public static let name = "lejepa"
    /// What others call it.
    public static let otherNames = ["sigreg": #""lejepa""#]

    /// Views of a picture whose mean is the centre, Vg.
    public var globalViews = 4
    /// Smaller views, Vl.
    public var localViews = 0
    /// Their size; nil: that of the global views.
    public var localSize: ImageSize?
    /// Width of the linear layer behind the encoder; nil: none.
    public var embedding: Int? = 512
    /// Width between the layers of the projector.
    public var projectorHidden = 2048
    /// Linear layers of the projector.
    public var projectorDepth = 3
    /// Width of the projections, K.
    public var projectorWidth = 16
    /// The norm in the projector.
    public var projectorNorm: ProjectorNorm? = .batch
    /// The weight of SIGReg, λ.
    public var sigregWeight = 0.02
    /// Random directions of a step.
    public var slices = 256
    /// Knots of the characteristic function.
    public var knots = 17
    /// The largest of them.
    public var knotMax = 3.0
    /// Which rows a statistic is taken over.
    public var sigregOver = SIGRegScope.view
    /// How the two terms make the loss.
    public var combine = SIGRegCombination.convex
    /// How the views are made.
    public var views = MultiViewOptions()

    /// The published minimal example.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("global_views", \.globalViews, in: .closed(1...64), "Views of a picture whose mean is the centre."),
        Field("local_views", \.localViews, in: .closed(0...64), "Further views, which only come to the centre."),
        Field(
            "local_size", \.localSize,
            "Size of the local views in pixels, multiples of model.patch_size; null: data.image_size."),
        Field(
            "embedding", \.embedding, in: .closed(1...65536), "Width of a linear layer behind the encoder; null: none."),
        Field(
            "projector_hidden", \.projectorHidden, in: .closed(1...65536), "Width between the layers of the projector."),
        Field("projector_depth", \.projectorDepth, in: .closed(1...16), "Linear layers of the projector."),
        Field("projector_width", \.projectorWidth, in: .closed(1...65536), "Width of the projections."),
        Field(
            "projector_norm", \.projectorNorm, "Norm in the projector, over all views of a batch at once; null: none."),
        Field(
            "sigreg_weight", \.sigregWeight, in: .closed(0...1e6),
            "Weight of SIGReg, at most 1 where combine is \"convex\"; 0: the features collapse."),
        Field("slices", \.slices, in: .closed(SIGReg.allowedSlices), "Random directions of a step."),
        Field(
            "knots", \.knots, in: .closed(SIGReg.allowedKnots, only: "odd") { $0 % 2 == 1 },
            "Points where characteristic functions are compared, evenly from 0."),
        Field("knot_max", \.knotMax, in: .above(0, upTo: SIGReg.mostKnotMax), "The largest of them."),
        Field("sigreg_over", \.sigregOver, "Rows of a statistic: those of each view, or all together."),
        Field(
            "combine", \.combine, "convex: (1 − weight) · invariance + weight · SIGReg; sum: without the first factor."),
        Field("views", \.views, "How the views are made."),
    ]

    /// Something must be compared, a convex combination has a weight up to 1, and SIGReg must see something.
    public func check() -> [String] {
        var faults: [String] = []
        if globalViews < 2 && localViews == 0 {
            faults.append("one view alone has nothing to be compared with; set global_views to 2 or local_views to 1")
        }
        if combine == .convex && sigregWeight > 1 {
            faults.append("sigreg_weight \(sigregWeight) is above 1; set it to at most 1, or combine to \"sum\"")
        }
        return faults + [sigregFault(rows: 1)].compactMap { $0 }
    }

    /// Why SIGReg cannot look at batches of a size, where it can look at any; nil where it can.
    public func fault(batchSize: Int) -> String? {
        sigregFault(rows: 1) == nil ? sigregFault(rows: batchSize * (globalViews + localViews)) : nil
    }

    private func sigregFault(rows: Int) -> String? {
        SIGReg.fault(slices: slices, knots: knots, knotMax: knotMax, rows: rows, width: projectorWidth)
    }

    /// The views of a picture.
    public var multiView: MultiView {
        MultiView(options: views, globals: globalViews, locals: localViews, localSize: localSize)
    }

    /// Views are cut out of whole pictures, all of a batch at once: SIGReg compares a batch with a distribution.
    public var needs: MethodNeeds {
        MethodNeeds(
            masks: Self.masks, views: multiView,
            wholePictures: "method \"lejepa\" cuts its views out of whole pictures, by method.views.crop_scale",
            pairedBatches: sigregOver == .view
                ? "with method.sigreg_over \"view\" the pictures of a batch are compared with a distribution" : nil)
    }

    /// The published schedule, decay of everything, and no crops but those of the views.
    public static let recipeDefaults: [(path: String, value: JSONValue)] = [
        ("data.crop_scale", .null), ("model.position", JSONValue("learned")), ("model.drop_path", JSONValue(0.1)),
        ("mask.strategy", JSONValue("none")), ("train.decay_all", JSONValue(true)),
        ("train.learning_rate", JSONValue(2e-3)), ("train.schedule.warmup_epochs", JSONValue(1)),
        ("train.schedule.warmup_learning_rate", JSONValue(2e-5)),
        ("train.schedule.min_learning_rate", JSONValue(1e-3)),
        ("train.optimizer.betas", JSONValue([JSONValue(0.9), JSONValue(0.999)])),
    ]

    /// Names below `backbone.`, and timm's initial values.
    public var encoderTraits: EncoderTraits { EncoderTraits(owner: "backbone.", initialization: .timm) }

    /// Views must be made of patches, a blur must fit into them, and what is learnt of one grid is of no use to another.
    public func faults(encoder: EncoderOptions, grid: PatchGrid) -> [String] {
        let size = ImageSize(height: grid.rows * encoder.patchSize, width: grid.columns * encoder.patchSize)
        var faults: [String] = []
        if let local = localSize, localViews > 0, local != size {
            if local.height % encoder.patchSize != 0 || local.width % encoder.patchSize != 0 {
                faults.append(
                    "local_size \(local.spoken) is not a multiple of model.patch_size \(encoder.patchSize) in both "
                        + "directions")
            } else if let fault = encoder.sizeFault(
                on: encoder.grid(height: local.height, width: local.width), limit: .max)
            {
                faults.append("for local_size \(local.spoken): \(fault)")
            }
            if encoder.position != .sincos || encoder.relativePositionBias != .none {
                faults.append(
                    "local_size \(local.spoken) is not the size of the pictures, \(size.spoken), and what the encoder learns of "
                        + "positions is of one size; set model.position to \"sincos\" and model.relative_position_bias to "
                        + "\"none\", or local_size to null")
            }
        }
        return faults + multiView.faults(of: size)
    }

    /// What is said of views that are not made, of layers that are not there, and of colours that pictures do not have.
    public func idle(beside others: MethodSurroundings) -> [IdleOption] {
        var idle = others.encoder.idleOrder
        func add(_ keys: [String], where isIdle: Bool, _ reason: String) {
            if isIdle { idle += keys.map { ("method.\($0)", reason) } }
        }
        add(["local_size", "views.local_crop_scale"], where: localViews == 0, "method.local_views is 0")
        add(["projector_hidden", "projector_norm"], where: projectorDepth == 1, "the projector has one layer")
        add(["combine"], where: sigregWeight == 0, "method.sigreg_weight is 0")
        add(
            ["views.blur_sigma", "views.blur_taps"], where: views.blurProbability == 0,
            "method.views.blur_probability is 0")
        let channels = others.encoder.channels
        if channels != 3 {
            add(
                ["views.jitter", "views.jitter_probability", "views.gray_probability"], where: true,
                "pictures of model.channels \(channels) have no colours")
        } else {
            add(["views.jitter"], where: views.jitterProbability == 0, "method.views.jitter_probability is 0")
        }
        return idle
    }

    /// Encoder, embedding and projector with initial values.
    public func makeMethod(_ context: MethodContext) -> LeJEPA { LeJEPA(self, context) }
}
