import Foundation
public import RecipeSchema

extension AnomalyStudy {
    /// The rows of `anomalies.jsonl` that are figures, each with its `kind`. `maps` are the names of the pictures with heat maps by
    /// row.
    public func rows(maps: [Int: String] = [:]) -> [JSONValue] { results.map(row) + pictureRows(maps) }

    private func row(_ result: Result) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("kind", JSONValue("detector")), ("detector", JSONValue(result.detector.rawValue)),
            ("meaning", JSONValue(result.detector.meaning)),
            ("threshold", JSONValue(figure: result.threshold.value)),
            ("held_out", JSONValue(result.threshold.heldOut)),
            ("false_alarms", JSONValue(figure: result.threshold.falseAlarms)),
            ("test", JSONValue(result.scores.count)), ("alarms", result.alarms.map { JSONValue($0) } ?? .null),
        ]
        if let estimate = result.estimate, let anomalous {
            let detection = estimate.detection
            func interval(_ ends: Uncertainty.Interval) -> JSONValue {
                JSONValue([JSONValue(figure: ends.low), JSONValue(figure: ends.high)])
            }
            members += [
                ("anomalous", JSONValue(anomalous.count { $0 })),
                ("auroc", JSONValue(figure: detection.areaUnderCurve)),
                ("auroc_interval", interval(estimate.areaUnderCurve)),
                ("average_precision", JSONValue(figure: detection.averagePrecision)),
                ("average_precision_interval", interval(estimate.averagePrecision)),
                ("fpr_at_95_tpr", JSONValue(figure: detection.falseAlarms)),
                ("fpr_at_95_tpr_interval", interval(estimate.falseAlarms)),
            ]
            if let (normal, found) = shares(result) {
                members += [("normal_alarms", JSONValue(normal)), ("anomalous_alarms", JSONValue(found))]
            }
        }
        return .object(members)
    }

    /// Normal and anomalous test pictures above the threshold; nil where nobody knows which are which, or without threshold.
    private func shares(_ result: Result) -> (normal: Int, anomalous: Int)? {
        guard let anomalous, let value = result.threshold.value else { return nil }
        let alarms = zip(result.scores, anomalous).filter { $0.0 > value }
        return (alarms.count { !$0.1 }, alarms.count { $0.1 })
    }

    private func pictureRows(_ maps: [Int: String]) -> [JSONValue] {
        test.keys.indices.map { row in
            var members: [(String, JSONValue)] = [
                ("kind", JSONValue("picture")), ("key", JSONValue(test.keys[row])),
                (
                    "scores",
                    .object(results.map { ($0.detector.rawValue, JSONValue(figure: $0.scores[row])) })
                ),
                (
                    "alarms",
                    JSONValue(
                        results.filter { $0.threshold.isAlarm($0.scores[row]) == true }.map {
                            JSONValue($0.detector.rawValue)
                        })
                ),
            ]
            if let labels = test.labels, let names = test.classNames, names.indices.contains(labels[row]) {
                members.append(("label", JSONValue(names[labels[row]])))
            }
            if let anomalous { members.append(("anomalous", JSONValue(anomalous[row]))) }
            if let map = maps[row] { members.append(("map", JSONValue(map))) }
            return .object(members)
        }
    }

    /// The figures as a table for a terminal, and the pictures that stand out most.
    public func text(shown: Int = 10) -> String {
        var cells = [["detector", "threshold", "alarms"]]
        if anomalous != nil { cells[0] += ["of normal", "AUROC", "average precision", "FPR at 95 % TPR"] }
        for result in results {
            var row = [
                result.detector.rawValue, result.threshold.value.map(threeFigures) ?? "–",
                result.alarms.map { "\($0) of \(result.scores.count)" } ?? "–",
            ]
            if let anomalous, let estimate = result.estimate {
                func cell(_ value: Double, _ ends: Uncertainty.Interval) -> String {
                    String(format: "%.3f [%.3f, %.3f]", value, ends.low, ends.high)
                }
                row.append(shares(result).map { "\($0.normal) of \(anomalous.count { !$0 })" } ?? "–")
                row.append(cell(estimate.detection.areaUnderCurve, estimate.areaUnderCurve))
                row.append(cell(estimate.detection.averagePrecision, estimate.averagePrecision))
                row.append(cell(estimate.detection.falseAlarms, estimate.falseAlarms))
            }
            cells.append(row)
        }
        let patches = result(.patches)
        let lines = byPatches.prefix(shown).map { row -> String in
            let score = patches?.scores[row] ?? 0
            let alarms = results.filter { $0.threshold.isAlarm($0.scores[row]) == true }.map(\.detector.rawValue)
            return "  \(test.keys[row].shown(limit: 60)): \(threeFigures(score))"
                + (alarms.isEmpty ? "" : "; alarms: \(alarms.joined(separator: ", "))")
        }
        return (TextTable.lines(cells) + ["", "worst patches (distance to the memory):"] + lines).joined(
            separator: "\n")
    }
}
