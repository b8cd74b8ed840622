public import RecipeSchema

/// Height and width in pixels; in a recipe `224`, or `[160, 224]`.
public struct ImageSize: BoundedValue, Equatable {
    /// Rows.
    public var height: Int
    /// Columns.
    public var width: Int

    /// A size.
    public init(height: Int, width: Int) {
        self.height = height
        self.width = width
    }

    /// A square.
    public init(_ side: Int) { self.init(height: side, width: side) }

    /// Height and width in words.
    public var spoken: String { "\(height) x \(width)" }

    /// The size of an integer or a list of two.
    public static func decode(_ json: JSONValue, at path: String, _ problems: inout [Problem]) -> ImageSize? {
        let sides = json.int.map { [$0, $0] } ?? json.array?.prefix(3).compactMap(\.int) ?? []
        if sides.count == 2, json.array.map({ $0.count == 2 }) ?? true, sides.allSatisfy({ (1...65_500).contains($0) })
        {
            return ImageSize(height: sides[0], width: sides[1])
        }
        problems.append(
            Problem(
                line: json.line, path: path,
                message: "found \(json.brief), allowed is an integer from 1 to 65500, or [height, width]"))
        return nil
    }

    /// An integer or a list of two.
    public static var typeWords: String { "an integer from 1 to 65500, or [height, width]" }

    /// An integer for a square, else a list of two.
    public var encoded: JSONValue {
        height == width ? JSONValue(height) : JSONValue([JSONValue(height), JSONValue(width)])
    }

    /// An integer or a list of two.
    public static var schema: JSONValue {
        let side: [(String, JSONValue)] = [
            ("type", JSONValue("integer")), ("minimum", JSONValue(1)), ("maximum", JSONValue(65_500)),
        ]
        return .oneOf(
            .object(side),
            .object([
                ("type", JSONValue("array")), ("items", .object(side)), ("minItems", JSONValue(2)),
                ("maxItems", JSONValue(2)),
            ]))
    }
}
