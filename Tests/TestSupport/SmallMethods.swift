import PretrainingMethods
import RecipeSchema

/// Widths, heads and depths of the own parts of a method of the catalogue, made small: `, "decoder_depth": 1, …` for a recipe.
public func smallParts(of method: String, depth: Int) -> String {
    func names<Options: PretrainingOptions>(_ type: Options.Type) -> [String] { type.fields.map(\.name) }
    let all = pretrainingMethods.first { $0.name == method }.map { names($0) } ?? []
    let sizes = [("_depth", depth), ("_width", 16), ("_heads", 2), ("_hidden", 16)]
    return all.compactMap { name in
        sizes.first { name.hasSuffix($0.0) }.map { ", \"\(name)\": \($0.1)" }
    }.joined()
}
