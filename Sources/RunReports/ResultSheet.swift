package import RecipeSchema

/// A picture file with the row that tells what it shows.
package struct ResultSheet {
    /// The file's name.
    package var name: String
    /// What it shows, and how it is read: what stands above it.
    package var title: [String]
    /// The file.
    package var bytes: [UInt8]

    /// Its row in the file of figures.
    package var row: JSONValue {
        .object([
            ("kind", JSONValue("sheet")), ("file", JSONValue(name)),
            ("title", JSONValue(title.first ?? "")),
            ("reading", JSONValue(title.dropFirst().joined(separator: " "))),
        ])
    }
}
