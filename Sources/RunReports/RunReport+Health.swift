import Pretraining
import RecipeSchema
import Reporting
import VisionTransformers

extension RunReport {
    /// Curves of training, and what the checks of the features said.
    var healthiness: HTML {
        let alarms = record.health.compactMap { row in
            row["verdict"]?.string.map { "At step \(row["step"]?.int ?? 0): \($0)" }
        }
        let verdict: HTML
        if record.health.isEmpty {
            verdict = HTML.element("p", [("class", "missing")], .text("No check of the features is in metrics.jsonl."))
        } else if alarms.isEmpty {
            verdict = HTML.element(
                "p", [("class", "answer")],
                .text(
                    "Nothing unusual: none of \(record.health.count) checks of the features found them collapsing or narrowing."
                ))
        } else {
            verdict = alarms.map { HTML.element("p", [("class", "alarm")], .text($0)) }.reduce(HTML()) { $0 + $1 }
        }
        let plots = self.plots.map(\.figure).reduce(HTML()) { $0 + $1 }
        let reading = HTML.paragraph(
            "Loss: below the best constant, something of the pictures is predicted. Directions: how many the features vary in, of "
                + "\(record.recipe.model.width) possible; a fall towards one is collapse.")
        return verdict + HTML.element("div", [("class", "plots")], plots) + (record.steps.isEmpty ? HTML() : reading)
            + inside
    }

    /// What the blocks do, where somebody has looked.
    private var inside: HTML {
        let heading = HTML.element("h3", [], .text("Inside the encoder"))
        let plots = DiagnosisPlots(record.diagnosis).plots
        guard !plots.isEmpty else {
            return heading
                + HTML.element(
                    "p", [("class", "missing")],
                    .text(
                        "Activations, attention and ranks of each block, beside those of the untrained network, come with:"
                    ))
                + HTML.command("pretrain diagnose \(place) --checkpoints")
        }
        return heading + HTML.element("div", [("class", "plots")], plots.map(\.figure))
    }

    private var plots: [LinePlot] {
        func line(_ key: String, _ name: String, of rows: [JSONValue], isReference: Bool = false) -> LinePlot.Series {
            LinePlot.Series(
                name,
                rows.compactMap { row in
                    guard let step = row["step"]?.double, let value = row[key]?.double else { return nil }
                    return (step, value)
                }, isReference: isReference)
        }
        let (steps, health) = (record.steps, record.health)
        var names: [String] = []
        for row in record.probes { if let name = row["protocol"]?.string, !names.contains(name) { names.append(name) } }
        let probes = names.map { name in
            line("accuracy", name, of: record.probes.filter { $0["protocol"]?.string == name })
        }
        return [
            LinePlot("Online probes", horizontal: "step", vertical: "share that is right", probes),
            LinePlot(
                "Loss", horizontal: "step", vertical: "loss",
                [
                    line("loss", "loss", of: steps),
                    line("constant_loss", "best constant prediction", of: steps, isReference: true),
                ]),
            LinePlot(
                "Directions of the features", horizontal: "step", vertical: "effective number",
                [line("covariance_rank", "of the covariance", of: health), line("rankme", "RankMe", of: health)]),
            LinePlot(
                "Likeness of the features", horizontal: "step", vertical: "share",
                [
                    line("mean_cosine", "mean cosine of two pictures", of: health),
                    line("relative_variance", "variance beside the common mean", of: health),
                ]),
            LinePlot(
                "Gradient norm", horizontal: "step", vertical: "norm", isLogarithmic: true,
                [line("grad_norm", "gradient norm", of: steps)]),
            LinePlot(
                "Learning rate", horizontal: "step", vertical: "rate",
                [line("learning_rate", "learning rate", of: steps)]),
        ].filter { !$0.series.isEmpty }
    }
}
