/// One row of a section: a key, the property behind it, the values it allows and what it means.
///
/// The default is the property's own. A row gives decoding, encoding, the JSON Schema and the words of error messages.
public struct Field<Section>: Sendable {
    /// The key in the recipe.
    public let name: String
    /// What the option does, in a sentence.
    public let meaning: String
    let decode: @Sendable (JSONValue, String, inout Section, inout [Problem]) -> Void
    let encode: @Sendable (Section) -> JSONValue
    let schema: @Sendable (Section) -> JSONValue

    /// A row for a property.
    public init<Value: RecipeValue>(
        _ name: String, _ path: any WritableKeyPath<Section, Value> & Sendable, in allowed: Allowed<Value> = .anything,
        _ meaning: String
    ) {
        self.init(name, path, meaning, keywords: allowed.keywords) { value in
            allowed.contains(value) ? nil : allowed.words
        }
    }

    /// A row for a property that may be `null`; the rule is for other values.
    public init<Value: RecipeValue>(
        _ name: String, _ path: any WritableKeyPath<Section, Value?> & Sendable, in allowed: Allowed<Value>,
        _ meaning: String
    ) {
        self.init(name, path, meaning, keywords: []) { value in
            value.map(allowed.contains) ?? true ? nil : (allowed.words ?? "") + " or null"
        }
    }

    private init<Value: RecipeValue>(
        _ name: String, _ path: any WritableKeyPath<Section, Value> & Sendable, _ meaning: String,
        keywords: [(String, JSONValue)], fault: @escaping @Sendable (Value) -> String?
    ) {
        self.name = name
        self.meaning = meaning
        decode = { json, place, section, problems in
            guard let value = Value.decode(json, at: place, &problems) else { return }
            if let words = fault(value) {
                let message = "found \(json.text()), allowed is \(words)"
                problems.append(Problem(line: json.line, path: place, message: message))
                return
            }
            section[keyPath: path] = value
        }
        encode = { $0[keyPath: path].encoded }
        schema = { section in
            var members = (Value.schema.members ?? []).map { ($0.name, $0.value) } + keywords
            members.append(("description", JSONValue(meaning)))
            members.append(("default", section[keyPath: path].encoded))
            return .object(members)
        }
    }

    /// A row for a part that is one of several types, told by the key `tag` inside it.
    ///
    /// `types` is the catalogue; `open` turns a decoded section of one of them into the property's type.
    public init<Value: Sendable>(
        _ name: String, _ path: any WritableKeyPath<Section, Value> & Sendable, tag: String,
        among types: [any NamedSection.Type], _ meaning: String,
        open: @escaping @Sendable (any NamedSection) -> Value?,
        close: @escaping @Sendable (Value) -> (any NamedSection)?
    ) {
        self.name = name
        self.meaning = meaning
        decode = { json, place, section, problems in
            guard let chosen = decodeChoice(json, at: place, tag: tag, among: types, &problems) else { return }
            if let value = open(chosen) { section[keyPath: path] = value }
        }
        encode = { close($0[keyPath: path]).map { encodeChoice($0, tag: tag) } ?? .null }
        schema = { _ in
            .object([
                ("description", JSONValue(meaning)),
                ("oneOf", JSONValue(types.map { schemaOfChoice($0, tag: tag) })),
            ])
        }
    }
}
