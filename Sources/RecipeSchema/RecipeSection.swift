/// A part of a recipe: a plain value whose options are described once, by rows.
public protocol RecipeSection: BoundedValue {
    /// The section with its defaults.
    init()
    /// A row for each property.
    static var fields: [Field<Self>] { get }
    /// Faults that only several options together show, a sentence each. A sentence names the keys that it is about: one about a
    /// value that could not be read is not told.
    func check() -> [String]
}

/// A section that is chosen by its name from a catalogue.
public protocol NamedSection: RecipeSection {
    /// The name that a recipe says.
    static var name: String { get }
    /// Other words by which people may call it, and what to write instead.
    static var otherNames: [String: String] { get }
}

extension NamedSection {
    /// None.
    public static var otherNames: [String: String] { [:] }
}

extension RecipeSection {
    /// No faults between options.
    public func check() -> [String] { [] }

    /// The section of a JSON object: unknown keys and every faulty value are reported, and what is absent keeps its default.
    public static func decode(_ json: JSONValue, at path: String, _ problems: inout [Problem]) -> Self? {
        let before = problems.count
        let section = read(json, at: path, besides: [], &problems)
        return problems.count == before ? section : nil
    }

    /// The section with every value that could be read; the others keep their defaults.
    public static func read(_ json: JSONValue, at path: String, _ problems: inout [Problem]) -> Self? {
        read(json, at: path, besides: [], &problems)
    }

    /// The section of an object in which other keys may stand too, which are passed over.
    static func read(
        _ json: JSONValue, at path: String, besides others: [String], _ problems: inout [Problem]
    ) -> Self? {
        guard let members = json.members else { return wrongType(json, "an object", path, &problems) }
        var section = Self()
        let before = problems.count
        let rows = fields
        let known = rows.map(\.name) + others
        for member in members where !others.contains(member.name) {
            if let field = rows.first(where: { $0.name == member.name }) {
                field.decode(member.value, "\(path).\(member.name)", &section, &problems)
            } else {
                // A guess takes time, and nobody reads a hundred of them.
                problems.append(.unknown(member, below: path, known: known, guesses: problems.count < before + 100))
            }
        }
        let spoilt = problems[before...].compactMap { $0.spoilt?.dropFirst(path.count + 1) }
        for message in faults(section.check(), besides: spoilt) {
            problems.append(.between(line: json.line, path: path, message: message))
        }
        return section
    }

    /// The section as a JSON object with every value written out.
    public var encoded: JSONValue { .object(Self.fields.map { ($0.name, $0.encode(self)) }) }

    /// The JSON Schema of the section: no other keys, with defaults.
    public static var schema: JSONValue { objectSchema(leading: []) }

    static func objectSchema(
        leading: [(String, JSONValue)], trailing: [(String, JSONValue)] = []
    ) -> JSONValue {
        let own = leading + properties
        let others = trailing.filter { other in !own.contains { $0.0 == other.0 } }
        return .object([
            ("type", JSONValue("object")), ("properties", .object(own + others)),
            ("additionalProperties", JSONValue(false)),
        ])
    }

    /// The JSON Schema of each key.
    package static var properties: [(String, JSONValue)] {
        let defaults = Self()
        return fields.map { ($0.name, $0.schema(defaults)) }
    }

    /// What a section is called.
    public static var typeWords: String { "object" }
}

/// The sentences about values that were read: those that name none of the keys in `spoilt`, whose values are not known.
package func faults(_ sentences: [String], besides spoilt: some Collection<some StringProtocol>) -> [String] {
    let keys = Set(spoilt.map { String($0.prefix { $0 != "." && $0 != "[" }) })
    if keys.isEmpty { return sentences }
    return sentences.filter { sentence in
        let words = sentence.split { (letter: Character) in !(letter.isLetter || letter.isNumber || letter == "_") }
        return keys.isDisjoint(with: words.map(String.init))
    }
}

/// The section that the key `tag` chooses; keys of `others`, where the section has none of that name, are passed over.
func readChoice(
    _ json: JSONValue, at path: String, tag: String, among types: [any NamedSection.Type],
    besides others: [String] = [],
    _ problems: inout [Problem]
) -> (any NamedSection)? {
    let names = types.map { $0.name }
    guard json.members != nil else {
        let message = "found \(json.summary), expected an object with the key \"\(tag)\""
        problems.append(Problem(line: json.line, path: path, message: message))
        return nil
    }
    guard let value = json[tag] else {
        let message = "the key \"\(tag)\" is missing; allowed is one of \(quotedList(names))"
        problems.append(Problem(line: json.line, path: path, message: message))
        return nil
    }
    guard let name = value.string else {
        let message = "found \(value.summary), allowed is one of \(quotedList(names))"
        problems.append(Problem(line: value.line, path: "\(path).\(tag)", message: message))
        return nil
    }
    guard let type = types.first(where: { $0.name == name }) else {
        problems.append(Problem(line: value.line, path: "\(path).\(tag)", message: notAmong(types, found: name)))
        return nil
    }
    let own = type.ownKeys
    return type.read(json, at: path, besides: others.filter { !own.contains($0) } + [tag], &problems)
}

extension RecipeSection {
    /// The keys of the section.
    static var ownKeys: [String] { fields.map(\.name) }
}

func encodeChoice(_ section: any NamedSection, tag: String, besides others: JSONValue = .object([])) -> JSONValue {
    let own = section.encoded.members ?? []
    let rest = (others.members ?? []).filter { other in !own.contains { $0.name == other.name } }
    return .object([(tag, JSONValue(type(of: section).name))] + (own + rest).map { ($0.name, $0.value) })
}

/// The schema of a section that is one of several: the options of each stand behind an `if` on the tag, so that an editor names
/// the wrong key instead of saying that nothing fits.
func schemaOfChoices(
    _ types: [any NamedSection.Type], tag: String, beside others: [(String, JSONValue)] = []
) -> JSONValue {
    let names = JSONValue(types.map { JSONValue($0.name) })
    return .object([
        ("type", JSONValue("object")),
        ("properties", .object([(tag, .object([("enum", names)]))])),
        ("required", JSONValue([JSONValue(tag)])),
        ("allOf", JSONValue(types.map { schemaOfChoice($0, tag: tag, beside: others) })),
    ])
}

/// What holds where the tag says this type.
func schemaOfChoice(
    _ type: any NamedSection.Type, tag: String, beside others: [(String, JSONValue)] = []
) -> JSONValue {
    let named = JSONValue.object([(tag, .object([("const", JSONValue(type.name))]))])
    return .object([
        ("if", .object([("properties", named), ("required", JSONValue([JSONValue(tag)]))])),
        ("then", type.schema(tag: tag, beside: others)),
    ])
}

extension NamedSection {
    /// The JSON Schema of the section with the key that names it, and with other keys beside its own.
    public static func schema(tag: String, beside others: [(String, JSONValue)] = []) -> JSONValue {
        objectSchema(leading: [(tag, .object([("const", JSONValue(name))]))], trailing: others)
    }
}

/// What is said of a name that none of the types has.
func notAmong(_ types: [any NamedSection.Type], found: String) -> String {
    let plain = plainLetters(found)
    for type in types {
        guard let meant = type.otherNames.first(where: { plainLetters($0.key) == plain })?.value else { continue }
        return
            "found \"\(found.shown(limit: 60))\", allowed is one of \(quotedList(types.map { $0.name })); write \(meant)"
    }
    return notAmong(types.map { $0.name }, found: found)
}
