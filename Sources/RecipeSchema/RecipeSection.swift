/// A part of a recipe: a plain value whose options are described once, by rows.
public protocol RecipeSection: RecipeValue {
    /// The section with its defaults.
    init()
    /// A row for each property.
    static var fields: [Field<Self>] { get }
    /// Faults that only several options together show, a sentence each.
    func check() -> [String]
}

/// A section that is chosen by its name from a catalogue.
public protocol NamedSection: RecipeSection {
    /// The name that a recipe says.
    static var name: String { get }
}

extension RecipeSection {
    /// No faults between options.
    public func check() -> [String] { [] }

    /// The section of a JSON object: unknown keys and every faulty value are reported, and what is absent keeps its default.
    public static func decode(_ json: JSONValue, at path: String, _ problems: inout [Problem]) -> Self? {
        decode(json, at: path, besides: nil, &problems)
    }

    static func decode(_ json: JSONValue, at path: String, besides tag: String?, _ problems: inout [Problem]) -> Self? {
        guard let members = json.members else { return wrongType(json, "an object", path, &problems) }
        var section = Self()
        let before = problems.count
        for member in members where member.name != tag {
            if let field = fields.first(where: { $0.name == member.name }) {
                field.decode(member.value, "\(path).\(member.name)", &section, &problems)
                continue
            }
            let names = fields.map(\.name) + (tag.map { [$0] } ?? [])
            let guess = nearest(to: member.name, among: names).map { "did you mean \"\($0)\"?" }
            let message = "unknown key; " + (guess ?? "known are \(names.joined(separator: ", "))")
            problems.append(Problem(line: member.line, path: "\(path).\(member.name)", message: message))
        }
        guard problems.count == before else { return nil }
        for message in section.check() { problems.append(Problem(line: json.line, path: path, message: message)) }
        return problems.count == before ? section : nil
    }

    /// The section as a JSON object with every value written out.
    public var encoded: JSONValue { .object(Self.fields.map { ($0.name, $0.encode(self)) }) }

    /// The JSON Schema of the section: no other keys, with defaults.
    public static var schema: JSONValue { objectSchema(leading: []) }

    static func objectSchema(leading: [(String, JSONValue)]) -> JSONValue {
        let defaults = Self()
        var members: [(String, JSONValue)] = [
            ("type", JSONValue("object")),
            ("properties", .object(leading + fields.map { ($0.name, $0.schema(defaults)) })),
        ]
        if !leading.isEmpty { members.append(("required", JSONValue(leading.map { JSONValue($0.0) }))) }
        members.append(("additionalProperties", JSONValue(false)))
        return .object(members)
    }
}

func decodeChoice(
    _ json: JSONValue, at path: String, tag: String, among types: [any NamedSection.Type], _ problems: inout [Problem]
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
    guard let name = String.decode(value, at: "\(path).\(tag)", &problems) else { return nil }
    guard let type = types.first(where: { $0.name == name }) else {
        problems.append(Problem(line: value.line, path: "\(path).\(tag)", message: notAmong(names, found: name)))
        return nil
    }
    return type.decode(json, at: path, besides: tag, &problems)
}

func encodeChoice(_ section: any NamedSection, tag: String) -> JSONValue {
    let name = type(of: section).name
    return .object([(tag, JSONValue(name))] + (section.encoded.members ?? []).map { ($0.name, $0.value) })
}

func schemaOfChoice(_ type: any NamedSection.Type, tag: String) -> JSONValue {
    type.objectSchema(leading: [(tag, .object([("const", JSONValue(type.name))]))])
}
