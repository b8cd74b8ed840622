extension JSONValue {
    /// The JSON text: on one line, or indented with short lists kept on one line.
    public func text(pretty: Bool = false) -> String {
        var out = ""
        write(to: &out, indent: pretty ? 0 : nil)
        return out
    }

    private func write(to out: inout String, indent: Int?) {
        switch kind {
        case .null: out += "null"
        case .bool(let value): out += value ? "true" : "false"
        case .number(let value): out += value.text
        case .string(let value): Self.quote(value, to: &out)
        case .array(let values):
            let inner = values.contains { $0.array != nil || $0.members != nil } ? indent.map { $0 + 1 } : nil
            Self.writeList("[", "]", values.count, inner, spaced: indent != nil, to: &out) { i, out in
                values[i].write(to: &out, indent: inner)
            }
        case .object(let members):
            let inner = members.isEmpty ? nil : indent.map { $0 + 1 }
            Self.writeList("{", "}", members.count, inner, spaced: true, to: &out) { i, out in
                Self.quote(members[i].name, to: &out)
                out += ": "
                members[i].value.write(to: &out, indent: inner)
            }
        }
    }

    private static func writeList(
        _ open: String, _ close: String, _ count: Int, _ indent: Int?, spaced: Bool, to out: inout String,
        _ element: (Int, inout String) -> Void
    ) {
        out += open
        for i in 0..<count {
            if let indent {
                out += "\n" + String(repeating: "  ", count: indent)
            } else if i > 0 {
                out += " "
            }
            element(i, &out)
            if i + 1 < count { out += "," }
        }
        if let indent, count > 0 { out += "\n" + String(repeating: "  ", count: indent - 1) }
        out += close
    }

    private static func quote(_ string: String, to out: inout String) {
        out += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\r": out += "\\r"
            case "\t": out += "\\t"
            case _ where scalar.value < 0x20:
                let digits = String(scalar.value, radix: 16)
                out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: out.unicodeScalars.append(scalar)
            }
        }
        out += "\""
    }
}
