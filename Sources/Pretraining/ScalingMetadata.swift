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

    /// Takes what `scalingMetadata` wrote; what cannot be read is left.
    mutating func takeScaling(from metadata: [String: String]) {
        for row in Self.scalingRows {
            guard let text = metadata["\(EncoderFile.dataKey).\(row)"], let value = try? JSONParser.parse(text) else {
                continue
            }
            var problems: [Problem] = []
            let read = DataOptions.decode(.object([(row, value)]), at: "data", &problems)
            guard let read else { continue }
            if row == "value_range" { valueRange = read.valueRange } else { missingValue = read.missingValue }
        }
    }
}
