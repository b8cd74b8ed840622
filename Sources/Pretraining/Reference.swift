import Evaluation
import RecipeSchema

/// The reference of recipes in Markdown: every key, strategy, method, source and protocol with type, range, default and meaning,
/// from the same tables that read recipes; and which methods and strategies go together.
public enum Reference {
    /// The text of `docs/reference.md`.
    public static var markdown: String {
        var text = """
            # Reference of recipes

            Made by `pretrain recipes schema --format markdown`; do not edit. A recipe is a JSON object; what a key's value may be
            stands in its row, `null` where it may be left to others.


            """
        text += section("Recipe", Recipe.descriptions.filter { isPlain($0) }, path: "", level: 2)
        for row in Recipe.descriptions where !isPlain(row) { text += part(row, path: "", level: 2) }
        text += pairs
        text += "## Protocols of `pretrain probe`\n\n"
        for probe in probeProtocols {
            text += "### `\(probe.name)`\n\n\(probe.summary)\n\n\(table(probe.descriptions, path: ""))"
        }
        while text.hasSuffix("\n\n") { text.removeLast() }
        return text
    }

    private static func isPlain(_ row: OptionDescription) -> Bool { if case .none = row.parts { true } else { false } }

    /// A row that is made of others, with a heading of its own.
    private static func part(_ row: OptionDescription, path: String, level: Int) -> String {
        let place = path.isEmpty ? row.name : "\(path).\(row.name)"
        switch row.parts {
        case .none: return ""
        case .section(let rows):
            let inner = rows.filter { !isPlain($0) }.map { part($0, path: place, level: level + 1) }
            return section("`\(place)`: \(row.meaning)", rows, path: place, level: level) + inner.joined()
        case .choice(let tag, let choices, let others):
            var text = "\(String(repeating: "#", count: level)) `\(place)`: \(row.meaning)\n\n"
            text += "One of these, told by the key `\(tag)`"
            text += "; where there is none: `\(row.standard.text())`.\n\n"
            for choice in choices {
                text += "\(String(repeating: "#", count: level + 1)) `\"\(tag)\": \"\(choice.name)\"`\n\n"
                text += choice.options.isEmpty ? "No options.\n\n" : table(choice.options, path: place)
                for inner in choice.options { text += part(inner, path: place, level: level + 2) }
            }
            guard !others.isEmpty else { return text }
            text += "\(String(repeating: "#", count: level + 1)) Of every one of them\n\n" + table(others, path: place)
            for inner in others { text += part(inner, path: place, level: level + 2) }
            return text
        }
    }

    private static func section(_ title: String, _ rows: [OptionDescription], path: String, level: Int) -> String {
        "\(String(repeating: "#", count: level)) \(title)\n\n\(table(rows, path: path))"
    }

    private static func table(_ rows: [OptionDescription], path: String) -> String {
        var text = "| key | allowed | default | meaning |\n| --- | --- | --- | --- |\n"
        for row in rows {
            let name = path.isEmpty ? row.name : "\(path).\(row.name)"
            let allowed = row.allowed ?? row.type
            let isRequired = path.isEmpty && Recipe.required.contains(row.name)
            let standard = isRequired ? "none: must be given" : isPlain(row) ? "`\(row.standard.text())`" : "below"
            text += "| `\(name)` | \(cell(allowed)) | \(cell(standard)) | \(cell(row.meaning)) |\n"
        }
        return text + "\n"
    }

    private static func cell(_ text: String) -> String {
        text.split(separator: "|", omittingEmptySubsequences: false).joined(separator: "\\|")
    }
}
