import Foundation

/// A piece of a page: text that is markup already.
///
/// Text of others (names of files, recipes, logs) becomes markup through `text` alone, so that none of it is ever read as markup.
public struct HTML: Sendable {
    /// The markup.
    public private(set) var markup: String

    /// Markup of ours.
    public init(_ markup: String = "") {
        self.markup = markup
    }

    /// Any text, escaped: it stands for itself in elements and in quoted attributes. What HTML cannot hold becomes the sign of a
    /// missing character.
    public static func text(_ text: String) -> HTML {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            case "\n", "\t": escaped.unicodeScalars.append(scalar)
            case _ where scalar.value < 32 || (127..<160).contains(scalar.value) || isControl(scalar):
                escaped += "\u{FFFD}"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return HTML(escaped)
    }

    /// Marks that turn the direction of what follows: with them a name could rearrange the page around it.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        (0x202A...0x202E).contains(scalar.value) || (0x2066...0x2069).contains(scalar.value)
    }

    /// An element around some content; values of attributes are escaped.
    public static func element(_ name: String, _ attributes: [(String, String)] = [], _ content: HTML...) -> HTML {
        element(name, attributes, content)
    }

    /// An element around some content; values of attributes are escaped.
    public static func element(_ name: String, _ attributes: [(String, String)] = [], _ content: [HTML]) -> HTML {
        let written = attributes.map { " \($0.0)=\"\(text($0.1).markup)\"" }.joined()
        return HTML("<\(name)\(written)>\(content.map(\.markup).joined())</\(name)>")
    }

    /// A paragraph of text.
    public static func paragraph(_ content: String) -> HTML { element("p", [], text(content)) }

    /// A line that is typed into a shell.
    public static func command(_ line: String) -> HTML { element("pre", [("class", "command")], text(line)) }

    /// A table with a line of headings; the first column names the rows. Cells that begin with a digit, a sign or a dash are set as
    /// figures.
    public static func table(_ headings: [String], _ rows: [[String]], caption: String? = nil) -> HTML {
        let head = headings.map { element("th", [("scope", "col")], text($0)) }
        let body = rows.map { row in
            element(
                "tr", [],
                row.enumerated().map { column, cell in
                    guard column > 0 else { return element("th", [("scope", "row")], text(cell)) }
                    let isFigure = cell.first.map { $0.isNumber || "+-–−".contains($0) } ?? true
                    return element("td", isFigure ? [("class", "figure")] : [], text(cell))
                })
        }
        let title = caption.map { [element("caption", [], text($0))] } ?? []
        let table = element(
            "table", [], title + [element("thead", [], element("tr", [], head)), element("tbody", [], body)])
        // A wide table moves inside of its own box, not the page.
        return element("div", [("class", "wide"), ("tabindex", "0")], table)
    }

    /// A picture that is part of the page.
    public static func picture(png: [UInt8], alternative: String, caption: HTML? = nil) -> HTML {
        let data = "data:image/png;base64," + Data(png).base64EncodedString()
        let image = HTML("<img src=\"\(data)\" alt=\"\(text(alternative).markup)\">")
        return element("figure", [], [image] + (caption.map { [element("figcaption", [], $0)] } ?? []))
    }

    /// What is there for those who ask: shut until somebody opens it, open on paper.
    public static func details(_ summary: String, _ content: HTML) -> HTML {
        element("details", [], element("summary", [], text(summary)), content)
    }

    /// One piece behind the other.
    public static func + (first: HTML, second: HTML) -> HTML { HTML(first.markup + second.markup) }
    /// One piece behind the other.
    public static func += (first: inout HTML, second: HTML) { first = first + second }
}
