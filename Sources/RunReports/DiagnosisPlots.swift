import Foundation
package import RecipeSchema
package import Reporting

/// Plots of the rows of `diagnose.jsonl`: by block, and over the steps of a run where several checkpoints were looked at.
package struct DiagnosisPlots {
    private let rows: [JSONValue]

    /// Plots of rows; those that lack what is drawn are left out of it.
    package init(_ rows: [JSONValue]) { self.rows = rows }

    private var lastStep: Int { rows.filter(isTrained).compactMap { $0["step"]?.int }.max() ?? 0 }

    private func isTrained(_ row: JSONValue) -> Bool { row["features"]?.string == "pretrained" }

    /// A number of a row; of heads their mean.
    private func value(_ row: JSONValue, _ key: String) -> Double? {
        if let list = row[key]?.array?.compactMap(\.double), !list.isEmpty {
            return list.reduce(0, +) / Double(list.count)
        }
        return row[key]?.double
    }

    /// Lines by block: the trained network, the untrained one, and what uniform attention would give.
    private func byBlock(
        _ title: String, _ key: String, _ vertical: String, isLogarithmic: Bool = false, uniform: String? = nil
    ) -> LinePlot {
        let last = lastStep
        let kinds =
            [
                ("pretrained", rows.filter { isTrained($0) && $0["step"]?.int == last }, key, false),
                ("untrained", rows.filter { $0["features"]?.string == "random-init" }, key, false),
            ]
            + (uniform.map {
                [("uniform attention", rows.filter { isTrained($0) && $0["step"]?.int == last }, $0, true)]
            } ?? [])
        return LinePlot(
            title, horizontal: "block", vertical: vertical, isLogarithmic: isLogarithmic,
            kinds.map { name, rows, key, isReference in
                .init(
                    name,
                    rows.compactMap { row in
                        guard let block = row["block"]?.double, let value = value(row, key) else { return nil }
                        return (block, value)
                    }, isReference: isReference)
            })
    }

    /// A line for the first, the middle and the last block, over steps.
    private func overSteps(_ title: String, _ key: String, _ vertical: String, isLogarithmic: Bool = false) -> LinePlot?
    {
        let trained = rows.filter(isTrained)
        guard Set(trained.compactMap { $0["step"]?.int }).count > 1,
            let depth = trained.compactMap({ $0["block"]?.int }).max()
        else { return nil }
        let initial = rows.filter { $0["features"]?.string == "random-init" }
        let blocks = Set([1, (depth + 1) / 2, depth]).sorted()
        return LinePlot(
            title, horizontal: "step", vertical: vertical, isLogarithmic: isLogarithmic,
            blocks.map { block in
                let points = (initial + trained).filter { $0["block"]?.int == block }.compactMap {
                    row -> (x: Double, y: Double)? in
                    guard let step = row["step"]?.double, let value = value(row, key) else { return nil }
                    return (step, value)
                }
                return .init("block \(block)", points.sorted { $0.x < $1.x })
            })
    }

    /// The plots that the rows allow.
    package var plots: [LinePlot] {
        let plots: [LinePlot?] = [
            byBlock("Largest value over median", "max_to_median", "ratio", isLogarithmic: true),
            byBlock("Hidden units that never work", "dead_unit_share", "share"),
            byBlock("Hidden units at work on a token", "above_threshold_share", "share"),
            byBlock("Distance of attention", "attention_distance", "pixels", uniform: "uniform_distance"),
            byBlock("Entropy of attention", "attention_entropy", "nats", uniform: "uniform_entropy"),
            byBlock("Directions of the features", "effective_rank_centred", "effective rank, centred"),
            overSteps("Largest value over median, in training", "max_to_median", "ratio", isLogarithmic: true),
            overSteps("Directions of the features, in training", "effective_rank_centred", "effective rank, centred"),
        ]
        return plots.compactMap { $0 }.filter { !$0.series.isEmpty }
    }
}
