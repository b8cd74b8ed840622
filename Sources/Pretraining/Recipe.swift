public import ImageData
public import ImageMasking
public import PretrainingMethods
public import RecipeSchema
public import VisionTransformers

/// Everything that decides a pretraining run.
public struct Recipe: RecipeSection {
    /// The version of the format; always 1.
    public var palimpsest = 1
    /// Names the run.
    public var name = "run"
    /// The seed from which every random stream is derived.
    public var seed = 0
    /// Where images come from and how they are prepared.
    public var data = DataOptions()
    /// The encoder.
    public var model = EncoderOptions()
    /// The masking strategy.
    public var mask: any MaskingStrategy = RandomMasking()
    /// The pretraining method.
    public var method: any PretrainingOptions = MAEOptions()
    /// Optimisation.
    public var train = TrainOptions()
    /// Logging and checkpoints.
    public var log = LogOptions()

    /// The defaults of every section.
    public init() {}

    /// The sections.
    public static let fields: [Field<Self>] = [
        Field("palimpsest", \.palimpsest, in: .closed(1...1), "Version of the recipe format."),
        Field(
            "name", \.name,
            in: .pattern(
                "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$", "1 to 100 letters, digits, '-', '_' or '.', not '.' first"
            ) { name in
                let plain = name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.".contains($0)) }
                return plain && !name.hasPrefix(".") && (1...100).contains(name.count)
            }, "Names the run."),
        Field("seed", \.seed, in: .closed(0...1 << 53 - 1), "The seed from which every random stream is derived."),
        Field("data", \.data, "Where images come from and how they are prepared."),
        Field("model", \.model, "The encoder."),
        Field(
            "mask", \.mask, tag: "strategy", among: maskingStrategies, "The masking strategy.",
            open: { $0 as? any MaskingStrategy }, close: { $0 }),
        Field(
            "method", \.method, tag: "name", among: pretrainingMethods, "The pretraining method.",
            open: { $0 as? any PretrainingOptions }, close: { $0 }),
        Field("train", \.train, "Optimisation."),
        Field("log", \.log, "Logging and checkpoints."),
    ]

    /// What the method is built for.
    var methodContext: MethodContext {
        MethodContext(
            encoder: model, grid: grid, mean: data.mean ?? [0], deviation: data.deviation ?? [1], random: initialValues)
    }

    /// What makes pictures into what its method trains on: crops, or two views.
    public func trainingTransform(_ normalization: Normalization) -> any ImageTransform {
        guard let views = method.twoViews else {
            return data.trainingTransform(channels: model.channels, normalization: normalization)
        }
        return TwoViewTransform(
            shape: (model.channels, data.imageSize.height, data.imageSize.width), options: views, flip: data.flip,
            normalization: normalization)
    }

    /// The patch grid of the images.
    public var grid: PatchGrid { model.grid(height: data.imageSize.height, width: data.imageSize.width) }
}

extension Recipe {
    /// The recipe of a JSON text with the changes of `--set`; throws every fault at once.
    ///
    /// The keys `$schema` (for editors) and `resolved_by` (in run folders) are allowed and carry nothing.
    public static func parse(_ bytes: [UInt8], set assignments: [String] = []) throws -> Recipe {
        var json = try JSONParser.parse(bytes)
        var problems: [Problem] = []
        for assignment in assignments {
            do throws(Problem) { try json.set(assignment) } catch { problems.append(error) }
        }
        if case .object(let members) = json.kind {
            json.kind = .object(members.filter { $0.name != "$schema" && $0.name != "resolved_by" })
            for key in ["palimpsest", "name"] where json[key] == nil {
                problems.append(Problem(line: json.line, path: "$.\(key)", message: "the key is missing"))
            }
        }
        if let name = json["method"]?["name"]?.string,
            let method = pretrainingMethods.named(name)
        {
            var unwanted: Set<String> = []
            if json["train"]?["base_learning_rate"].map({ !$0.isNull }) ?? false {
                unwanted.insert("train.learning_rate")
            }
            // A constant rate has no warm-up and no end but those that the recipe itself asks for.
            if json["train"]?["schedule"]?.string == ScheduleKind.constant.rawValue {
                unwanted.formUnion(["train.warmup_epochs", "train.warmup_learning_rate", "train.min_learning_rate"])
            }
            for (path, value) in method.recipeDefaults where !unwanted.contains(path) {
                json.setDefault(value, at: path)
            }
        }
        let recipe = Recipe.read(json, at: "$", &problems)
        if let recipe {
            problems = KeyHints.improved(problems, of: recipe)
            problems += recipe.faults(in: json, besides: problems)
        }
        guard let recipe, problems.isEmpty else { throw Problems(problems) }
        return recipe
    }
}
