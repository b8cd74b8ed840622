import EncoderFiles
import ImageData
import RecipeSchema

/// How stored numbers become those that an encoder sees, on its way through files of other programs, which have no place for it.
extension DataOptions {
    private static let scalingRows = ["value_range", "missing_value"]

    /// What is not the usual way, as metadata of a safetensors file.
    var scalingMetadata: [String: String] {
        let usual = DataOptions().encoded
        var metadata: [String: String] = [:]
        for row in Self.scalingRows {
            guard let value = encoded[row], value.text() != usual[row]?.text() else { continue }
            metadata["\(EncoderFile.dataKey).\(row)"] = value.text()
        }
        return metadata
    }

    /// Takes what `scalingMetadata` wrote; throws where it cannot be read: features would silently be others.
    mutating func takeScaling(from metadata: [String: String], path: String) throws(RunError) {
        for row in Self.scalingRows {
            let key = "\(EncoderFile.dataKey).\(row)"
            guard let text = metadata[key] else { continue }
            var problems: [Problem] = []
            guard let value = try? JSONParser.parse(text),
                let read = DataOptions.decode(.object([(row, value)]), at: "data", &problems)
            else {
                throw RunError(
                    .data, "\(path): the metadata \(key) is \(text.shown), which is no data.\(row) of a recipe")
            }
            if row == "value_range" { valueRange = read.valueRange } else { missingValue = read.missingValue }
        }
    }
}
