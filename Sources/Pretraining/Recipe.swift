public import ImageData
public import ImageMasking
import Optimizers
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
    /// What holds for the masks of any strategy, in the same section.
    public var masking = MaskOptions()
    /// The pretraining method.
    public var method: any PretrainingOptions = MAEOptions()
    /// A term beside the method's loss, or a watch on its features.
    public var regularizer = RegularizerOptions()
    /// Optimisation.
    public var train = TrainOptions()
    /// Logging and checkpoints.
    public var log = LogOptions()
    /// Probes that look at the features while the run trains.
    public var probes = OnlineProbeList()

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
            "mask", \.mask, beside: \.masking, tag: "strategy", among: maskingStrategies, "The masking strategy.",
            open: { $0 as? any MaskingStrategy }, close: { $0 }),
        Field(
            "method", \.method, tag: "name", among: pretrainingMethods, "The pretraining method.",
            open: { $0 as? any PretrainingOptions }, close: { $0 }),
        Field(
            "regularizer", \.regularizer,
            "A term beside the loss that keeps features from collapsing, or watches them, in methods that could."),
        Field("train", \.train, "Optimisation."),
        Field("log", \.log, "Logging and checkpoints."),
        Field(
            "probes", \.probes,
            "Probes that look at the features of labelled pictures while the run trains, whose bits they do not change."
        ),
    ]

    /// A recipe of the same method, strategy, schedule and optimiser that says nothing else, every value written out.
    var usual: JSONValue {
        func named(_ key: String, _ section: any NamedSection) -> JSONValue {
            .object([(key, JSONValue(type(of: section).name))])
        }
        var json = JSONValue.object([
            ("mask", named("strategy", mask)), ("method", named("name", method)),
            (
                "train",
                .object([("schedule", named("name", train.schedule)), ("optimizer", named("name", train.optimizer))])
            ),
        ])
        var problems: [Problem] = []
        json.fillIn(&problems)
        return Recipe.read(json, at: "$", &problems)?.encoded ?? .null
    }

    /// What the method is built for.
    var methodContext: MethodContext {
        let constants = data.writtenNormalization
        return MethodContext(
            encoder: model, grid: grid, mean: constants.mean, deviation: constants.deviation, random: initialValues)
    }

    /// What makes pictures into what its method trains on: crops, or several views.
    public func trainingTransform(_ normalization: Normalization) -> any ImageTransform {
        guard let views = method.needs.views else {
            return data.trainingTransform(channels: model.channels, normalization: normalization)
        }
        return views.makeTransform(
            ViewContext(
                channels: model.channels, size: data.imageSize, ratio: data.cropRatio[0]...data.cropRatio[1],
                flip: data.flip, normalization: normalization))
    }

    /// The patch grid of the images.
    public var grid: PatchGrid { model.grid(height: data.imageSize.height, width: data.imageSize.width) }
}

extension Recipe {
    /// The keys that every recipe has.
    static let required = ["palimpsest", "name"]

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
            for key in required where json[key] == nil {
                problems.append(Problem(line: json.line, path: "$.\(key)", message: "the key is missing"))
            }
        }
        json.fillIn(&problems)
        let recipe = Recipe.read(json, at: "$", &problems)
        if let recipe {
            problems = KeyHints.improved(problems, of: recipe)
            let between = recipe.faults(in: json, besides: problems)
            // Positions that the method cannot use are the cause of what does not go with them.
            if between.contains(where: { $0.path == "$.model.position" }) {
                problems.removeAll { $0.path == "$.model" && $0.message.contains("position \"rope\"") }
            }
            problems += between
        }
        guard let recipe, problems.isEmpty else { throw Problems(problems) }
        return recipe
    }
}

extension JSONValue {
    /// Writes out what the method of a recipe decides where the recipe does not, with the sections of optimisation in their
    /// present form.
    fileprivate mutating func fillIn(_ problems: inout [Problem]) {
        let name = self["method"]?["name"]?.string
        let defaults = name.flatMap { pretrainingMethods.named($0) }?.recipeDefaults ?? []
        func usual(_ section: String, _ otherwise: String) -> String {
            defaults.first { $0.path == "train.\(section).name" }?.value.string ?? otherwise
        }
        let (schedule, optimizer) = (usual("schedule", CosineOptions.name), usual("optimizer", AdamWOptions.name))
        change("train") { TrainOptions.modernize(&$0, usual: schedule, &problems) }
        let train = self["train"]
        let isBased = train?["base_learning_rate"].map { !$0.isNull } ?? false
        let isGiven = train?["learning_rate"].map { !$0.isNull } ?? false
        let chosen = [
            ("schedule", train?["schedule"]?["name"]?.string ?? schedule),
            ("optimizer", train?["optimizer"]?["name"]?.string ?? optimizer),
        ]
        for (path, value) in defaults {
            if isBased && path == "train.learning_rate" || isGiven && path == "train.base_learning_rate" { continue }
            // Options of the strategy that the method brings along are none of another's.
            if path.hasPrefix("mask."), path != "mask.strategy", let other = self["mask"]?["strategy"]?.string,
                other != defaults.first(where: { $0.path == "mask.strategy" })?.value.string,
                !MaskOptions.fields.contains(where: { "mask.\($0.name)" == path })
            {
                continue
            }
            let section = chosen.first { path.hasPrefix("train.\($0.0).") }
            if let (section, name) = section, !path.hasSuffix(".name") {
                // A constant rate has no warm-up but one that the recipe itself asks for, and no schedule has what it does not know.
                let key = path.dropFirst("train.\(section).".count)
                guard name != ConstantOptions.name, Self.keys(of: name).contains(String(key)) else { continue }
            }
            setDefault(value, at: path)
        }
        for (section, name) in chosen where self["train"]?[section]?.members != nil {
            setDefault(JSONValue(name), at: "train.\(section).name")
        }
    }

    /// The options of a schedule or optimiser.
    private static func keys(of name: String) -> [String] {
        func keys<Section: NamedSection>(_ type: Section.Type) -> [String] { type.fields.map(\.name) }
        let types = schedules.sections + optimizers.sections
        return types.first { $0.name == name }.map { keys($0) } ?? []
    }

    /// Changes the member of that name, if there is one.
    mutating func change(_ name: String, _ body: (inout JSONValue) -> Void) {
        guard case .object(var members) = kind, let place = members.firstIndex(where: { $0.name == name }) else {
            return
        }
        body(&members[place].value)
        kind = .object(members)
    }
}
