/// A page of HTML in one file: nothing is fetched, no script is needed, light or dark as the reader's system is, readable on a
/// phone and on paper.
public struct Page: Sendable {
    /// A part of the page under a heading.
    public struct Section: Sendable {
        /// The heading.
        public var title: String
        /// What stands under it.
        public var content: HTML

        /// A part.
        public init(_ title: String, _ content: HTML) {
            self.title = title
            self.content = content
        }
    }

    /// How every page of ours begins: a file that does may be replaced by another one.
    public static let start = "<!DOCTYPE html>\n<!-- Palimpsest -->\n"

    /// The title, also above the page.
    public var title: String
    /// What stands under the title before the first heading.
    public var opening: HTML
    /// The parts, in their order.
    public var sections: [Section]

    /// A page.
    public init(_ title: String, opening: HTML = HTML(), sections: [Section] = []) {
        self.title = title
        self.opening = opening
        self.sections = sections
    }

    /// The file.
    public var file: [UInt8] {
        let parts = sections.map { section in
            HTML.element("section", [], HTML.element("h2", [], .text(section.title)), section.content)
        }
        let body = HTML.element("main", [], [HTML.element("h1", [], .text(title)), opening] + parts)
        let head =
            "<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
            + "<meta name=\"color-scheme\" content=\"light dark\">\n"
            // A page of ours needs nothing from outside; this keeps it so, whatever names of files hold.
            + "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
            + "<title>\(HTML.text(title).markup)</title>\n<style>\n\(Self.style)</style>\n"
        return Array(
            "\(Self.start)<html lang=\"en\">\n<head>\n\(head)</head>\n<body>\n\(body.markup)\n</body>\n</html>\n".utf8)
    }

    /// Colours have a contrast of at least 4.5 against what they stand on, in both schemes; those of plots at least 3.
    private static let style = """
        :root { --ground: #ffffff; --ink: #1b1b1b; --soft: #565656; --line: #d5d5d5; --tint: #f3f3f0; --link: #0b57a4;
          --series-0: #0b62a8; --series-1: #a84300; --series-2: #00724f; --series-3: #7d3c78; }
        @media (prefers-color-scheme: dark) { :root { --ground: #16181b; --ink: #ececec; --soft: #b2b2b2; --line: #44484d;
          --tint: #22262a; --link: #8cc4f5; --series-0: #6fb7f2; --series-1: #f2a266; --series-2: #5fcfa5; --series-3: #d9a0d4; } }
        * { box-sizing: border-box; }
        body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
        main { max-width: 64rem; margin: 0 auto; padding: 1rem; }
        h1 { font-size: 1.6rem; line-height: 1.2; overflow-wrap: anywhere; }
        h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; padding-top: .6rem; border-top: 1px solid var(--line); }
        h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
        p, li, dd, figcaption, caption, summary { max-width: 44rem; overflow-wrap: anywhere; }
        a { color: var(--link); }
        figure { margin: 1rem 0; }
        figcaption, caption { color: var(--soft); font-size: .9rem; text-align: left; }
        img { max-width: 100%; height: auto; display: block; image-rendering: pixelated; background: #ffffff; }
        .plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1rem; }
        .plots figure { margin: 0; min-width: 0; }
        svg { width: 100%; height: auto; display: block; }
        svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
        svg .soft { fill: var(--soft); }
        svg .grid { stroke: var(--line); stroke-width: 1; }
        svg .axis { stroke: var(--soft); stroke-width: 1; }
        .wide { overflow-x: auto; max-width: 100%; }
        table { border-collapse: collapse; font-size: .92rem; margin: .4rem 0; }
        th, td { text-align: left; vertical-align: top; padding: .25rem .7rem .25rem 0; border-bottom: 1px solid var(--line); }
        thead th { color: var(--soft); font-weight: 600; }
        tbody th { font-weight: 500; }
        td.figure { font-variant-numeric: tabular-nums; white-space: nowrap; }
        pre { background: var(--tint); padding: .6rem .8rem; font: .86rem/1.45 ui-monospace, monospace; white-space: pre-wrap;
          overflow-wrap: anywhere; margin: .5rem 0; }
        .answer { font-size: 1.05rem; border-left: 4px solid var(--series-0); padding-left: .8rem; }
        .alarm { border-left: 4px solid var(--series-1); padding-left: .8rem; }
        .missing { color: var(--soft); }
        dl { display: grid; grid-template-columns: minmax(7rem, auto) 1fr; gap: .2rem 1rem; margin: .5rem 0; }
        dt { color: var(--soft); } dd { margin: 0; min-width: 0; }
        summary { cursor: pointer; }
        @media print { details::details-content { content-visibility: visible; height: auto; } body { font-size: 11pt; }
          main { max-width: none; padding: 0; } figure, tr { break-inside: avoid; } h2 { break-after: avoid; } }

        """
}
