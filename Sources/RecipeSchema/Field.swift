/// One row of a section: a key, the property behind it, the values it allows and what it means.
///
/// The default is the property's own. A row gives decoding, encoding, the JSON Schema, the reference and the words of error
/// messages.
public struct Field<Section>: Sendable {
    /// The key in the recipe.
    public let name: String
    /// What the option does, in a sentence.
    public let meaning: String
    /// Properties behind the key: more than one where keys of a part go to different ones.
    package private(set) var properties = 1
    let decode: @Sendable (JSONValue, String, inout Section, inout [Problem]) -> Void
    let encode: @Sendable (Section) -> JSONValue
    /// The JSON Schema of the value, without meaning and default.
    let valueSchema: @Sendable () -> JSONValue
    let describe: @Sendable (Section) -> OptionDescription

    /// A row for a property whose type says what is allowed. Numbers and lists of numbers are no such types: they need a range.
    public init<Value: BoundedValue>(
        _ name: String, _ path: any WritableKeyPath<Section, Value> & Sendable, _ meaning: String
    ) {
        self.init(name, path, meaning, allowed: nil, schema: { Value.schema }) { _ in nil }
    }

    /// A row for a property with a rule.
    public init<Value: RecipeValue>(
        _ name: String, _ path: any WritableKeyPath<Section, Value> & Sendable, in allowed: Allowed<Value>,
        _ meaning: String
    ) {
        self.init(
            name, path, meaning, allowed: allowed.words, schema: { merged(Value.schema, allowed.keywords) }
        ) { value in
            allowed.contains(value) ? nil : allowed.words
        }
    }

    /// A row for a property that may be `null`; the rule is for other values.
    public init<Value: RecipeValue>(
        _ name: String, _ path: any WritableKeyPath<Section, Value?> & Sendable, in allowed: Allowed<Value>,
        _ meaning: String
    ) {
        let words = allowed.words + " or null"
        self.init(
            name, path, meaning, allowed: words, schema: { orNull(merged(Value.schema, allowed.keywords)) }
        ) { value in
            value.map(allowed.contains) ?? true ? nil : words
        }
    }

    private init<Value: RecipeValue>(
        _ name: String, _ path: any WritableKeyPath<Section, Value> & Sendable, _ meaning: String, allowed: String?,
        schema: @escaping @Sendable () -> JSONValue, fault: @escaping @Sendable (Value) -> String?
    ) {
        self.name = name
        self.meaning = meaning
        decode = { json, place, section, problems in
            let before = problems.count
            let read = Value.read(json, at: place, &problems)
            var words = read.flatMap(fault)
            // A number of the wrong kind or size is told the range at once.
            if read == nil, problems.count == before + 1, case .number = json.kind, let allowed {
                problems.removeLast()
                words = allowed
            }
            if let words {
                let message = "found \(json.brief), allowed is \(words)"
                problems.append(Problem(line: json.line, path: place, message: message))
            } else if let read {
                section[keyPath: path] = read
            }
        }
        encode = { $0[keyPath: path].encoded }
        valueSchema = schema
        describe = { section in
            OptionDescription(
                name: name, type: Value.typeWords, allowed: allowed, standard: section[keyPath: path].encoded,
                meaning: meaning, parts: Value.rows.map { .section($0) } ?? .none)
        }
    }

    /// A row for a part that is one of several types, told by the key `tag` inside it.
    ///
    /// `open` turns a decoded section of the catalogue into the property's type.
    public init<Value: Sendable, Kind>(
        _ name: String, _ path: any WritableKeyPath<Section, Value> & Sendable, tag: String,
        among catalogue: Catalogue<Kind>, _ meaning: String, open: @escaping @Sendable (any NamedSection) -> Value?,
        close: @escaping @Sendable (Value) -> (any NamedSection)?
    ) {
        self.name = name
        self.meaning = meaning
        decode = { json, place, section, problems in
            guard let chosen = readChoice(json, at: place, tag: tag, among: catalogue.sections, &problems) else {
                return
            }
            if let value = open(chosen) { section[keyPath: path] = value }
        }
        encode = { close($0[keyPath: path]).map { encodeChoice($0, tag: tag) } ?? .null }
        valueSchema = { schemaOfChoices(catalogue.sections, tag: tag) }
        describe = { section in
            .choice(name, close(section[keyPath: path]), tag: tag, catalogue.sections, beside: [], meaning)
        }
    }

    /// The same with keys in the same object that hold whatever the type is; they are another property, `common`. Where a type has a
    /// key of that name itself, it is the type's.
    public init<Value: Sendable, Kind, Common: RecipeSection>(
        _ name: String, _ path: any WritableKeyPath<Section, Value> & Sendable,
        beside common: any WritableKeyPath<Section, Common> & Sendable, tag: String,
        among catalogue: Catalogue<Kind>, _ meaning: String, open: @escaping @Sendable (any NamedSection) -> Value?,
        close: @escaping @Sendable (Value) -> (any NamedSection)?
    ) {
        self.name = name
        self.meaning = meaning
        properties = 2
        decode = { json, place, section, problems in
            let keys = Common.ownKeys
            if let chosen = readChoice(
                json, at: place, tag: tag, among: catalogue.sections, besides: keys, &problems)
            {
                if let value = open(chosen) { section[keyPath: path] = value }
                let own = type(of: chosen).ownKeys
                let members = (json.members ?? []).filter { keys.contains($0.name) && !own.contains($0.name) }
                let rest = JSONValue(.object(members), line: json.line)
                if let read = Common.read(rest, at: place, &problems) { section[keyPath: common] = read }
            }
        }
        encode = { section in
            close(section[keyPath: path]).map {
                encodeChoice($0, tag: tag, besides: section[keyPath: common].encoded)
            } ?? .null
        }
        valueSchema = { schemaOfChoices(catalogue.sections, tag: tag, beside: Common.properties) }
        describe = { section in
            .choice(
                name, close(section[keyPath: path]), tag: tag, catalogue.sections, beside: Common.descriptions, meaning)
        }
    }

    /// The JSON Schema of the row.
    func schema(_ section: Section) -> JSONValue {
        merged(valueSchema(), [("description", JSONValue(meaning)), ("default", encode(section))])
    }
}

/// A schema with further keywords, which replace those of the same name.
func merged(_ schema: JSONValue, _ keywords: [(String, JSONValue)]) -> JSONValue {
    let names = Set(keywords.map(\.0))
    return .object((schema.members ?? []).filter { !names.contains($0.name) }.map { ($0.name, $0.value) } + keywords)
}

/// A schema that takes `null` too.
func orNull(_ schema: JSONValue) -> JSONValue {
    .oneOf(.object([("type", JSONValue("null"))]), schema)
}

extension JSONValue {
    /// The JSON Schema of what one of these allows.
    public static func oneOf(_ schemas: JSONValue...) -> JSONValue { .object([("oneOf", JSONValue(schemas))]) }
}
