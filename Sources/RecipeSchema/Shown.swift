extension String {
    /// The text on one line, without characters that move the cursor or change the direction of the line: as names of files
    /// and values of recipes are shown. What is longer than `limit` characters is cut.
    package func shown(limit: Int) -> String {
        let cut = utf8.count > limit && count > limit ? prefix(limit) + "…" : self[...]
        return String(cut).shown
    }

    /// The text on one line, without control characters.
    package var shown: String {
        unicodeScalars.reduce(into: "") { text, scalar in
            switch scalar {
            case "\n": text += "\\n"
            case "\t": text += "\\t"
            case "\r": text += "\\r"
            case _ where scalar.isUnseen:
                let digits = String(scalar.value, radix: 16)
                text += "\\x" + String(repeating: "0", count: max(0, 2 - digits.count)) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
    }
}

extension UnicodeScalar {
    /// Controls, line and paragraph ends, and marks that turn the direction of writing.
    fileprivate var isUnseen: Bool {
        switch properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator: true
        default: (0x202A...0x202E).contains(value) || (0x2066...0x2069).contains(value)
        }
    }
}
