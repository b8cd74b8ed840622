import RecipeSchema

extension String {
    /// The text as a shell takes it for one word, where it would take it for something else.
    package var quotedForShell: String {
        let plain =
            !isEmpty
            && utf8.allSatisfy { byte in
                byte >= 0x80 || "/._-+=:,@%".utf8.contains(byte) || (48...57).contains(byte) || (65...90).contains(byte)
                    || (97...122).contains(byte)
            }
        if plain { return self }
        guard unicodeScalars.contains(where: { $0.value < 32 || $0.value == 127 }) else {
            return "'\(replacing("'", with: "'\\''"))'"
        }
        // Between quotes of this kind bash, zsh and ksh read names of control characters, which must not reach a terminal.
        let text = unicodeScalars.map { scalar -> String in
            switch scalar {
            case "\\": "\\\\"
            case "'": "\\'"
            case _ where scalar.value < 32 || scalar.value == 127:
                "\\x" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
            default: String(scalar)
            }
        }
        return "$'\(text.joined())'"
    }
}
