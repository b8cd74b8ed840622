import Foundation
import ImageData
import Optimizers
import Pretraining
import RecipeSchema
import Reporting

extension RunReport {
    /// Recipe, data, machine, time and digests, and the command that repeats it.
    var origin: HTML {
        let recipe = record.recipe
        var facts: [(String, String)] = [
            ("recipe", "\(recipe.name), digest \(recipe.digest.prefix(16))"), ("seed", String(recipe.seed)),
            ("data", "\(type(of: recipe.data.source).name) \(recipe.data.source.encoded.text())"),
        ]
        if let data = record.state?["data"]?.string { facts.append(("digest of the data", String(data.prefix(64)))) }
        if let encoder = record.state?["encoder"]?.string, !encoder.isEmpty {
            facts.append(("encoder.safetensors", "SHA-256 \(encoder)"))
        }
        if let licence = record.state?["licence"]?.string { facts.append(("terms of the first weights", licence)) }
        if let version = record.state?["version"]?.string { facts.append(("version", version)) }
        if let machine = record.logged(endingWith: " kernels") { facts.append(("machine", machine)) }
        if let speed = record.epochs.last?["images_per_s"]?.double {
            facts.append(("speed", String(format: "%.0f pictures a second in the last epoch", speed)))
        }
        if record.seconds > 0 { facts.append(("time", SpokenTime.span(record.seconds))) }
        let list = HTML.element(
            "dl", [],
            facts.flatMap { [HTML.element("dt", [], .text($0.0)), HTML.element("dd", [], .text($0.1))] })
        var content =
            list + HTML.paragraph("The same run again, to the same bits on processors of the same instruction set:")
            + HTML.command("pretrain --recipe \(record.folder.recipeFile.quotedForShell) --run NEW_FOLDER")
            + HTML.details(
                "The recipe, every value",
                HTML.element("pre", [], .text(recipe.encoded.text(pretty: true))))
        let warnings = record.warnings
        if !warnings.isEmpty {
            content += HTML.details(
                "Warnings of the log (\(warnings.count))",
                HTML.element("ul", [], warnings.suffix(50).map { HTML.element("li", [], .text($0)) }))
        }
        if !record.skipped.isEmpty {
            content += HTML.details(
                "Pictures that could not be read (\(record.skipped.count))",
                HTML.element("pre", [], .text(record.skipped.prefix(50).joined(separator: "\n"))))
        }
        return content
    }
}
