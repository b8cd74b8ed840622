public import RecipeSchema

/// The colour in force at each epoch: `{"begin": "green", "epoch_200": "blue"}`.
public struct ColorSchedule: BoundedValue, Equatable {
    /// Start epochs (from 0, rising, the first 0) and the colours from then on.
    public var entries: [(epoch: Int, color: NoiseColor)]

    /// The colour of an epoch: that of the latest start that is not after it.
    public func color(at epoch: Int) -> NoiseColor {
        entries.last { $0.epoch <= epoch }?.color ?? entries[0].color
    }

    /// Schedules are equal when their entries are.
    public static func == (a: ColorSchedule, b: ColorSchedule) -> Bool {
        a.entries.map(\.epoch) == b.entries.map(\.epoch) && a.entries.map(\.color) == b.entries.map(\.color)
    }

    /// The schedule of an object with the key `begin` and keys `epoch_N`.
    public static func decode(_ json: JSONValue, at path: String, _ problems: inout [Problem]) -> ColorSchedule? {
        guard let members = json.members else {
            let message =
                "found \(json.summary), expected an object such as {\"begin\": \"green\", \"epoch_200\": \"blue\"}"
            problems.append(Problem(line: json.line, path: path, message: message))
            return nil
        }
        let before = problems.count
        var entries: [(epoch: Int, color: NoiseColor)] = []
        for member in members {
            let place = "\(path).\(member.name)"
            let digits = member.name.hasPrefix("epoch_") ? Int(member.name.dropFirst(6)) : nil
            // Written in one way only, so that no epoch is named twice.
            let start = digits.flatMap { (1...999_999_999).contains($0) && member.name == "epoch_\($0)" ? $0 : nil }
            guard let epoch = member.name == "begin" ? 0 : start else {
                let message = "unknown key; allowed are \"begin\" and \"epoch_N\" with N from 1 to 999999999"
                problems.append(Problem(line: member.line, path: place, message: message))
                continue
            }
            if let color = NoiseColor.decode(member.value, at: place, &problems) { entries.append((epoch, color)) }
        }
        if members.allSatisfy({ $0.name != "begin" }) {
            problems.append(Problem(line: json.line, path: path, message: "the key \"begin\" is missing"))
        }
        guard problems.count == before else { return nil }
        return ColorSchedule(entries: entries.sorted { $0.epoch < $1.epoch })
    }

    /// What such an object looks like.
    public static var typeWords: String { "{\"begin\": COLOR, \"epoch_N\": COLOR, …}" }

    /// The object that decodes to this schedule.
    public var encoded: JSONValue {
        .object(entries.map { ($0.epoch == 0 ? "begin" : "epoch_\($0.epoch)", $0.color.encoded) })
    }

    /// The schema of such an object.
    public static var schema: JSONValue {
        .object([
            ("type", JSONValue("object")), ("required", JSONValue([JSONValue("begin")])),
            ("properties", .object([("begin", NoiseColor.schema)])),
            ("patternProperties", .object([("^epoch_[1-9][0-9]{0,8}$", NoiseColor.schema)])),
            ("additionalProperties", JSONValue(false)),
        ])
    }
}
