/// What a row says of itself: for references, for searches by name, for tests over all options.
public struct OptionDescription: Sendable {
    /// The key.
    public var name: String
    /// What its value is, in words: "integer", "list of numbers or null".
    public var type: String
    /// The values allowed, in words that follow "allowed is"; nil where the type says all.
    public var allowed: String?
    /// The value where a recipe says none.
    public var standard: JSONValue
    /// What the option does.
    public var meaning: String
    /// What the value is made of.
    public var parts: Parts

    /// What a value is made of.
    public enum Parts: Sendable {
        /// It is one value.
        case none
        /// A section of its own.
        case section([OptionDescription])
        /// One of several sections, told by the key `tag`; `beside` holds the rows of keys that each of them may have.
        case choice(tag: String, [Choice], beside: [OptionDescription])
    }

    /// A section that can be chosen, and its rows.
    public struct Choice: Sendable {
        /// The name that a recipe says.
        public var name: String
        /// Its options.
        public var options: [OptionDescription]
    }

    /// Every key path below this row, its own first, such as `mask`, `mask.ratio`; of choices only those of `chosen`, or of
    /// all where it is nil.
    public func keyPaths(chosen: ((_ path: String, _ choice: String) -> Bool)? = nil, below path: String = "")
        -> [String]
    {
        let own = path.isEmpty ? name : "\(path).\(name)"
        switch parts {
        case .none: return [own]
        case .section(let rows): return [own] + rows.flatMap { $0.keyPaths(chosen: chosen, below: own) }
        case .choice(let tag, let choices, let others):
            let fitting = choices.filter { chosen?(own, $0.name) ?? true }
            return [own, "\(own).\(tag)"]
                + (fitting.flatMap { $0.options } + others).flatMap { $0.keyPaths(chosen: chosen, below: own) }
        }
    }
}

extension OptionDescription {
    /// A row whose value is one of several sections.
    static func choice(
        _ name: String, _ chosen: (any NamedSection)?, tag: String, _ types: [any NamedSection.Type],
        beside others: [OptionDescription], _ meaning: String
    ) -> OptionDescription {
        OptionDescription(
            name: name, type: "object with the key \"\(tag)\"", allowed: nil,
            standard: chosen.map { .object([(tag, JSONValue(Swift.type(of: $0).name))]) } ?? .null, meaning: meaning,
            parts: .choice(
                tag: tag, types.map { Choice(name: $0.name, options: $0.descriptions) }, beside: others))
    }
}

extension RecipeSection {
    /// The rows of the section, described.
    public static var descriptions: [OptionDescription] {
        let defaults = Self()
        return fields.map { $0.describe(defaults) }
    }

    /// The rows of the section.
    public static var rows: [OptionDescription]? { descriptions }
}
