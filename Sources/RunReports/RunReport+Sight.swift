import Foundation
import Reporting

extension RunReport {
    /// Pictures: masks, reconstructions, and what other commands have drawn of the run.
    var seen: HTML {
        var content = HTML()
        for picture in sight {
            content += HTML.element("h3", [], .text(picture.title))
            content += HTML.picture(png: picture.png, alternative: picture.alternative, caption: .text(picture.caption))
        }
        if !sight.contains(where: { $0.command == "explore" }) {
            content += HTML.element(
                "p", [("class", "missing")],
                .text("Neighbours, clusters, pictures that are there twice and unusual ones come with:"))
            content += HTML.command("pretrain explore \(place)")
        }
        for obstacle in obstacles { content += HTML.element("p", [("class", "missing")], .text(obstacle)) }
        return content
    }
}
