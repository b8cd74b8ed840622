import RecipeSchema

/// A validator of the JSON Schema keywords that our schema uses, and of no others.
struct SchemaValidator {
    /// Keywords that say something of a value, besides those that only describe.
    static let keywords: Set = [
        "type", "properties", "required", "additionalProperties", "enum", "const", "minimum", "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum", "minItems", "maxItems", "items", "oneOf", "allOf", "if", "then", "pattern",
        "patternProperties",
    ]
    static let descriptive: Set = ["description", "default", "title", "$schema"]

    /// Why a value does not fit a schema, with the place; empty where it does.
    static func faults(_ value: JSONValue, _ schema: JSONValue, at place: String = "$") -> [String] {
        if let all = schema.bool { return all ? [] : ["\(place) is not allowed"] }
        var found: [String] = []
        func fault(_ text: String) { found.append("\(place): \(text)") }
        if let type = schema["type"]?.string, !fits(value, type) { return ["\(place): is no \(type)"] }
        if let allowed = schema["enum"]?.array, !allowed.contains(value) { fault("not in the enum") }
        if let only = schema["const"], only != value { fault("not \(only.text())") }
        if let number = value.double {
            if let least = schema["minimum"]?.double, number < least { fault("below \(least)") }
            if let most = schema["maximum"]?.double, number > most { fault("above \(most)") }
            if let least = schema["exclusiveMinimum"]?.double, number <= least { fault("not above \(least)") }
            if let most = schema["exclusiveMaximum"]?.double, number >= most { fault("not below \(most)") }
        }
        if let text = value.string, let pattern = schema["pattern"]?.string, !matches(text, pattern) {
            fault("does not match \(pattern)")
        }
        if let values = value.array {
            if let least = schema["minItems"]?.int, values.count < least { fault("too short") }
            if let most = schema["maxItems"]?.int, values.count > most { fault("too long") }
            if let items = schema["items"] {
                for (index, element) in values.enumerated() {
                    found += faults(element, items, at: "\(place)[\(index)]")
                }
            }
        }
        if let members = value.members {
            for key in schema["required"]?.array?.compactMap(\.string) ?? [] where value[key] == nil {
                fault("\(key) is missing")
            }
            for member in members {
                let inner = "\(place).\(member.name)"
                let patterns = (schema["patternProperties"]?.members ?? []).filter { matches(member.name, $0.name) }
                for pattern in patterns { found += faults(member.value, pattern.value, at: inner) }
                if let property = schema["properties"]?[member.name] {
                    found += faults(member.value, property, at: inner)
                } else if patterns.isEmpty, schema["additionalProperties"]?.bool == false {
                    found.append("\(inner): unknown key")
                }
            }
        }
        if let choices = schema["oneOf"]?.array {
            let fitting = choices.filter { faults(value, $0, at: place).isEmpty }.count
            if fitting != 1 { fault("fits \(fitting) of oneOf") }
        }
        for part in schema["allOf"]?.array ?? [] { found += faults(value, part, at: place) }
        if let condition = schema["if"], let then = schema["then"], faults(value, condition, at: place).isEmpty {
            found += faults(value, then, at: place)
        }
        return found
    }

    private static func matches(_ text: String, _ pattern: String) -> Bool {
        guard let expression = try? Regex(pattern) else { return false }
        return text.firstMatch(of: expression) != nil
    }

    private static func fits(_ value: JSONValue, _ type: String) -> Bool {
        switch type {
        case "null": value.isNull
        case "boolean": value.bool != nil
        case "string": value.string != nil
        case "array": value.array != nil
        case "object": value.members != nil
        case "number": value.double != nil
        case "integer": value.double.map { $0 == $0.rounded() } ?? false
        default: false
        }
    }

    /// The keywords of a schema that are neither known nor descriptive.
    static func unknownKeywords(_ schema: JSONValue) -> Set<String> {
        var unknown: Set<String> = []
        for member in schema.members ?? [] {
            if !keywords.contains(member.name) && !descriptive.contains(member.name) { unknown.insert(member.name) }
            switch member.name {
            case "properties", "patternProperties":
                for property in member.value.members ?? [] { unknown.formUnion(unknownKeywords(property.value)) }
            case "items", "if", "then", "additionalProperties": unknown.formUnion(unknownKeywords(member.value))
            case "oneOf", "allOf":
                for part in member.value.array ?? [] { unknown.formUnion(unknownKeywords(part)) }
            default: break
            }
        }
        return unknown
    }
}
