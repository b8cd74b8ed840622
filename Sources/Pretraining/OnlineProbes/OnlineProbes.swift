import Evaluation
import ImageData
public import RecipeSchema

/// A protocol that looks at the features from time to time while a run trains.
public struct OnlineProbe: RecipeSection, Equatable {
    /// The protocol, one of frozen features.
    public var protocolName = NearestNeighbourProbe.name
    /// Epochs from one look to the next.
    public var everyEpochs = 1
    /// Steps of the run from one step of `online-linear` to the next; nil: `usualSteps`. No other protocol has any.
    public var everySteps: Int?
    static let usualSteps = 8
    /// Labelled pictures as `--data` names them; nil for those of the run.
    public var source: String?
    /// Training pictures that are looked at, at most.
    public var trainPictures = 10_000
    /// Test pictures that are looked at, at most.
    public var testPictures = 2_000

    /// Nearest neighbours after every epoch, on the run's own pictures.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field(
            "protocol", \.protocolName,
            "A protocol of frozen features, such as dino-knn or ridge, with its usual settings; or online-linear, a linear classifier "
                + "that learns along the run."),
        Field("every_epochs", \.everyEpochs, in: .closed(1...1_000_000), "Epochs from one look to the next."),
        Field(
            "every_steps", \.everySteps, in: .closed(1...1_000_000),
            "Steps of the run from one step of online-linear to the next; each costs a pass over a whole batch. null: 8."
        ),
        Field(
            "source", \.source,
            "Labelled pictures with a test part, as --data names them: class_folders:PATH; null: those of data.source."),
        Field(
            "train_pictures", \.trainPictures, in: .closed(2...10_000_000),
            "Training pictures that are looked at, at most."),
        Field(
            "test_pictures", \.testPictures, in: .closed(1...10_000_000), "Test pictures that are looked at, at most."),
    ]

    /// The protocol must be one of features, and the source readable as one.
    public func check() -> [String] {
        var faults: [String] = []
        if !Self.names.contains(protocolName) {
            let names = Self.names.map { "\"\($0)\"" }.joined(separator: ", ")
            faults.append("protocol is \"\(protocolName.shown(limit: 60))\"; allowed are \(names)")
        }
        if everySteps != nil, protocolName != OnlineHead.name {
            faults.append("every_steps is of \(OnlineHead.name) alone; remove it")
        }
        if let source {
            do { _ = try SourceArgument.parse(source) } catch { faults.append("source: \(error)") }
        }
        return faults
    }

    /// Protocols of frozen features, and the head that learns along.
    private static var names: [String] {
        ProbeCatalogue.all.filter { $0 is any TableProbe.Type }.map { $0.name } + [OnlineHead.name]
    }
}

/// The online probes of a recipe.
public struct OnlineProbeList: BoundedValue, Equatable {
    /// Most probes of a recipe.
    public static let most = 16

    /// The probes.
    public var probes: [OnlineProbe] = []

    /// None.
    public init() {}

    /// The probes of a list of objects.
    public static func decode(_ json: JSONValue, at path: String, _ problems: inout [Problem]) -> OnlineProbeList? {
        guard let list = json.array, list.count <= most else {
            problems.append(
                Problem(line: json.line, path: path, message: "found \(json.summary), expected \(typeWords)"))
            return nil
        }
        var made = OnlineProbeList()
        for (place, entry) in list.enumerated() {
            guard let probe = OnlineProbe.decode(entry, at: "\(path)[\(place)]", &problems) else { continue }
            made.probes.append(probe)
        }
        return made.probes.count == list.count ? made : nil
    }

    /// A list of objects.
    public var encoded: JSONValue { JSONValue(probes.map(\.encoded)) }

    /// The schema of the list.
    public static var schema: JSONValue {
        .object([
            ("type", JSONValue("array")), ("maxItems", JSONValue(most)), ("items", OnlineProbe.schema),
        ])
    }

    /// Its words.
    public static var typeWords: String {
        "list of at most \(most) objects with \(OnlineProbe.fields.map(\.name).joined(separator: ", "))"
    }
}
