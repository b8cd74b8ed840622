import ImageMasking
import PretrainingMethods
public import RecipeSchema

extension Recipe {
    /// The JSON Schema of recipe files, draft 2020-12, for editors: what it says beside the sections is which strategies a method
    /// takes, and that a run's `recipe.json` says what resolved it.
    public static var schemaDocument: JSONValue {
        var members = (Recipe.schema.members ?? []).map { ($0.name, $0.value) }
        members.insert(("$schema", JSONValue("https://json-schema.org/draft/2020-12/schema")), at: 0)
        members.insert(("title", JSONValue("Recipe of Palimpsest")), at: 1)
        members = members.map { name, value in
            guard name == "properties" else { return (name, value) }
            let rows = (value.members ?? []).map { ($0.name, $0.name == "mask" ? looseMask($0.value) : $0.value) }
            return (name, .object([("$schema", type("string"))] + rows + [("resolved_by", type("object"))]))
        }
        members.append(("required", JSONValue([JSONValue("palimpsest"), JSONValue("name")])))
        members.append(("allOf", JSONValue(pretrainingMethods.map { pairing($0) } + [unnamed])))
        return .object(members)
    }

    private static func type(_ name: String) -> JSONValue { .object([("type", JSONValue(name))]) }

    /// The schema of `mask` without the demand for a strategy, which most methods bring along.
    private static func looseMask(_ schema: JSONValue) -> JSONValue {
        .object((schema.members ?? []).filter { $0.name != "required" }.map { ($0.name, $0.value) })
    }

    /// What a method says of `mask`: the strategies that it takes, and the options of the one that it brings along.
    private static func pairing(_ method: any PretrainingOptions.Type) -> JSONValue {
        let fitting = maskingStrategies.filter { method.masks.contains($0.kind) }
        let strategy = JSONValue.object([("enum", JSONValue(fitting.map { JSONValue($0.name) }))])
        var mask: [(String, JSONValue)] = [("properties", .object([("strategy", strategy)]))]
        let own = method.recipeDefaults.first { $0.path == "mask.strategy" }?.value.string
        if let own, let type = maskingStrategies.named(own) {
            mask.append(("if", .object([("properties", .object([("strategy", const(own))]))])))
            mask.append(("then", type.schema(tag: "strategy", beside: MaskOptions.properties)))
        } else {
            mask.append(("required", JSONValue([JSONValue("strategy")])))
        }
        return .object([
            (
                "if",
                .object([
                    ("required", JSONValue([JSONValue("method")])),
                    (
                        "properties",
                        .object([
                            (
                                "method",
                                .object([
                                    ("required", JSONValue([JSONValue("name")])),
                                    ("properties", .object([("name", const(method.name))])),
                                ])
                            )
                        ])
                    ),
                ])
            ),
            ("then", .object([("properties", .object([("mask", .object(mask))]))])),
        ])
    }

    /// Without a method, which is `mae` then, a mask must name its strategy. The condition holds where the key is missing.
    private static var unnamed: JSONValue {
        let named = JSONValue.object([("enum", JSONValue([.null]))])
        return .object([
            ("if", .object([("properties", .object([("method", named)]))])),
            (
                "then",
                .object([
                    (
                        "properties",
                        .object([("mask", .object([("required", JSONValue([JSONValue("strategy")]))]))])
                    )
                ])
            ),
        ])
    }

    private static func const(_ name: String) -> JSONValue { .object([("const", JSONValue(name))]) }
}
