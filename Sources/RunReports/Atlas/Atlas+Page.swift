import ContentDigests
import Evaluation
import Foundation
import RecipeSchema
import Reporting

extension Atlas {
    /// The page: one file that fetches nothing, with a sentence of what it is made of.
    package func page(title: String, about: String) throws -> [UInt8] {
        let sprite = Data(try sprite.jpeg()).base64EncodedString()
        // Between tags of scripts nothing is escaped but this: no text of others can end it.
        let data = data.text().replacing("<", with: "\\u003c")
        var script = SHA256()
        script.update(Array(Self.script.utf8))
        let digest = Data(script.bytes()).base64EncodedString()
        let policy =
            "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-\(digest)'"
        return Array(
            """
            \(Page.start)<html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta http-equiv="Content-Security-Policy" content="\(policy)">
            <title>\(HTML.text(title).markup)</title>
            <style>
            \(Self.style)
            </style>
            </head>
            <body>
            <header>
            <h1>\(HTML.text(title).markup)</h1>
            <p>\(HTML.text(about).markup)</p>
            <div class="tools">
            <label>Search <input id="search" type="search" placeholder="name or label"></label>
            <label>Colour by <select id="colouring"></select></label>
            <span><button id="closer" aria-label="Zoom in">+</button> <button id="farther" aria-label="Zoom out">−</button> \
            <button id="whole">All</button></span>
            </div>
            </header>
            <main>
            <canvas id="map" tabindex="0" role="application" aria-label="Map of \(found.table.count) pictures. Arrows move it, plus and \
            minus zoom, Enter chooses the picture in the middle, Escape lets go."></canvas>
            <aside id="card" aria-live="polite"></aside>
            </main>
            <footer><p id="seen" role="status"></p><div id="legend"></div></footer>
            <template id="hint"><p>A picture a point; those lie together that the encoder finds alike. Drag to move, scroll or pinch to
            zoom, point at a picture to see it, click to keep it. Keys: arrows, + and −, 0 for all, Enter for the picture in the
            middle.</p></template>
            <noscript><p>This map needs scripts, which are in this file; <code>pretrain explore</code> makes sheets without.</p></noscript>
            <img id="sprite" alt="The pictures, small, side by side" hidden src="data:image/jpeg;base64,\(sprite)">
            <script type="application/json" id="atlas-data">\(data)</script>
            <script>\(Self.script)</script>
            </body>
            </html>

            """.utf8)
    }

    /// All that the script reads.
    var data: JSONValue {
        let table = found.table
        var near: [UInt16] = []
        var cosines: [Float] = []
        let each = found.queries.map(\.neighbours.count).min() ?? 0
        for query in found.queries {
            near += query.neighbours.prefix(each).map { UInt16($0.row) }
            cosines += query.neighbours.prefix(each).map { Float($0.similarity) }
        }
        var members: [(String, JSONValue)] = [
            ("names", JSONValue(table.keys.map { JSONValue($0) })),
            ("places", Self.packed(points.flatMap { [$0.x, $0.y] })),
            ("near", JSONValue(near.withUnsafeBytes { Data($0) }.base64EncodedString())),
            ("cosines", Self.packed(cosines)),
            ("unusual", JSONValue(found.unusual.map { JSONValue(figure: $0.neighbourDistance) })),
            ("clusters", JSONValue(found.clustering.assignment.map { JSONValue($0) })),
            ("clusterNames", JSONValue(found.clustering.clusters.indices.map { JSONValue("cluster \($0)") })),
            ("columns", JSONValue(sprite.columns)), ("width", JSONValue(sprite.width)),
            ("height", JSONValue(sprite.height)),
        ]
        if let labels = table.labels {
            let classes = (0...(labels.max() ?? 0)).map { JSONValue(name(ofClass: $0)) }
            members.append(("classes", JSONValue(classes)))
            members.append(("labels", JSONValue(labels.map { JSONValue($0) })))
        }
        return .object(members)
    }

    /// Numbers as a browser reads them at once.
    private static func packed(_ values: [Float]) -> JSONValue {
        JSONValue(values.withUnsafeBytes { Data($0) }.base64EncodedString())
    }

    private static let style = """
        :root { --ground: #ffffff; --ink: #1b1b1b; --soft: #565656; --line: #d5d5d5; --tint: #f3f3f0; }
        @media (prefers-color-scheme: dark) { :root { --ground: #16181b; --ink: #ececec; --soft: #b2b2b2; --line: #44484d; --tint: #22262a; } }
        * { box-sizing: border-box; }
        html, body { height: 100%; margin: 0; }
        body { display: flex; flex-direction: column; background: var(--ground); color: var(--ink); font: 15px/1.4 system-ui, sans-serif; }
        header, footer { padding: .5rem .8rem; }
        h1 { font-size: 1.2rem; margin: 0; overflow-wrap: anywhere; }
        h2 { font-size: 1rem; margin: .6rem 0 .3rem; overflow-wrap: anywhere; }
        h3 { font-size: .9rem; margin: .6rem 0 .3rem; font-weight: 600; }
        p { margin: .3rem 0; max-width: 60rem; overflow-wrap: anywhere; color: var(--soft); font-size: .9rem; }
        .tools { display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: center; margin-top: .3rem; }
        input, select, button { font: inherit; color: inherit; background: var(--tint); border: 1px solid var(--soft); border-radius: 4px;
          padding: .2rem .5rem; max-width: 100%; }
        button { cursor: pointer; min-width: 2rem; }
        main { flex: 1; display: flex; min-height: 22rem; border-top: 1px solid var(--line); border-bottom: 1px solid var(--line); }
        #map { flex: 1; min-width: 0; height: 100%; touch-action: none; cursor: crosshair; display: block; }
        #map:focus-visible { outline: 2px solid var(--ink); outline-offset: -2px; }
        #card { width: 15rem; overflow-y: auto; padding: .7rem; border-left: 1px solid var(--line); }
        dl { display: grid; grid-template-columns: auto 1fr; gap: .1rem .7rem; margin: 0; font-size: .9rem; }
        dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
        .others { display: flex; flex-wrap: wrap; gap: .3rem; }
        .others button { display: flex; flex-direction: column; align-items: center; font-size: .8rem; padding: .2rem; }
        #legend { display: flex; flex-wrap: wrap; gap: .1rem .9rem; font-size: .85rem; max-height: 5.5rem; overflow-y: auto; }
        #legend i { display: inline-block; width: .8em; height: .8em; margin-right: .35em; }
        @media (max-width: 640px) { body { height: auto; min-height: 100%; } main { flex-direction: column; }
          #map { flex: none; width: 100%; height: 60vh; } #card { width: auto; border-left: 0; border-top: 1px solid var(--line); } }
        """
}
