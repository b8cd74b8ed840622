import Foundation
import RecipeSchema

/// The table of scores that `probe` prints: a row a protocol, a column a kind of features.
enum ScoreTable {
    static func text(_ rows: [JSONValue]) -> String {
        let kinds = FeatureInput.Kind.allCases
        var names: [String] = []
        for name in rows.compactMap({ $0["protocol"]?.string }) where !names.contains(name) { names.append(name) }
        let head = ["protocol"] + kinds.map(\.rawValue)
        let lines = names.map { name in
            [name]
                + kinds.map { kind in
                    rows.first { $0["protocol"]?.string == name && $0["features"]?.string == kind.rawValue }
                        .map(cell) ?? "-"
                }
        }
        let widths = head.indices.map { column in ([head] + lines).map { $0[column].count }.max() ?? 0 }
        func line(_ cells: [String]) -> String {
            "| " + zip(cells, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: " | ") + " |"
        }
        let rule = "| " + widths.map { String(repeating: "-", count: $0) }.joined(separator: " | ") + " |"
        let sizes = rows.first.map { "\($0["train"]?.int ?? 0) train and \($0["test"]?.int ?? 0) test pictures" } ?? ""
        return ([line(head), rule] + lines.map(line)).joined(separator: "\n")
            + "\naccuracy in %, with 95 % intervals; \(sizes)"
    }

    /// Accuracy and interval in per cent.
    private static func cell(_ row: JSONValue) -> String {
        let interval = row["interval"]?.array?.compactMap(\.double) ?? []
        guard let accuracy = row["accuracy"]?.double, interval.count == 2 else { return "-" }
        return String(format: "%.1f (%.1f to %.1f)", 100 * accuracy, 100 * interval[0], 100 * interval[1])
    }
}
