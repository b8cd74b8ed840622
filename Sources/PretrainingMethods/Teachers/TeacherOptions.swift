public import EncoderFiles
public import RecipeSchema

/// A frozen encoder: `method.teacher` of a recipe.
public struct TeacherOptions: RecipeSection {
    /// A safetensors file, or a folder that holds one: a run, a checkpoint, a download.
    public var path = ""
    /// How its tensors are named.
    public var layout = EncoderLayout.auto
    /// Attention heads, which no file says; nil: of `config.json`, else one for 64 channels.
    public var heads: Int?
    /// The activation of its perceptrons; nil: of `config.json`, else the layout's.
    public var activation: ActivationName?
    /// The ε of its norms; nil: of `config.json`, else the layout's.
    public var epsilon: Double?
    /// Mean of each channel of its images; nil: CLIP's for CLIP layouts, else the student's.
    public var mean: [Double]?
    /// Deviation of each channel, like the mean.
    public var deviation: [Double]?

    /// No teacher yet.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("path", \.path, "A run folder or checkpoint of this program, or a safetensors file."),
        Field("layout", \.layout, "How the tensors are named; auto: found out."),
        Field("heads", \.heads, in: .closed(1...1024), "Attention heads; null: config.json's, else width / 64."),
        Field("activation", \.activation, "Activation of the perceptrons; null: config.json's, else the layout's."),
        Field("eps", \.epsilon, in: .above(0, upTo: 1), "The ε of the norms; null: config.json's, else the layout's."),
        Field(
            "mean", \.mean, in: .list(1...64, of: .closed(-1000...1000)),
            "Mean of each channel that its images are normalised with; null: the layout's."),
        Field(
            "std", \.deviation, in: .list(1...64, of: .closed(1e-9...1e9)),
            "Deviation of each channel; null: the layout's."),
    ]

    /// Mean and deviation belong together, and a run of ours says all of its encoder.
    public func check() -> [String] {
        var faults: [String] = []
        if (mean == nil) != (deviation == nil) || mean?.count != deviation?.count {
            faults.append("mean and std must be given together and be equally long, or neither")
        }
        if layout == .own, let reason = ownFault { faults.append(reason) }
        return faults
    }

    /// Why these options do not suit a teacher whose recipe is in its file.
    var ownFault: String? {
        heads == nil && activation == nil && epsilon == nil
            ? nil : "heads, activation and eps stand in the recipe of a teacher of this program; remove them"
    }

    /// What is known better than the file knows it.
    var reading: EncoderReading {
        var reading = EncoderReading()
        reading.layout = layout
        reading.heads = heads
        reading.activation = activation
        reading.epsilon = epsilon
        return reading
    }
}
