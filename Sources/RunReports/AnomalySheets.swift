package import Evaluation
import Foundation
import ImageData
import Pretraining
import Reporting

/// The pictures of `pretrain anomalies`.
package struct AnomalySheets {
    private let study: AnomalyStudy
    private let shown: SheetPictures
    private let scale: HeatMap.Scale
    private let reading: String

    /// The sheets of a study, whose test pictures are `shown`.
    package init(_ study: AnomalyStudy, _ shown: SheetPictures) {
        self.study = study
        self.shown = shown
        let patches = study.result(.patches)
        let threshold = patches?.threshold.value
        let highest = max(patches?.scores.max() ?? 0, threshold ?? 0)
        scale = HeatMap.Scale(low: study.usualDistance, high: highest, mark: threshold)
        reading =
            "Colours over the picture in gray: the distance of each patch to the nearest patch of normal pictures, from dark blue (the "
            + "median of held-out normal patches, or less) to yellow (the largest of all test pictures)."
            + (threshold == nil ? "" : " A picture with a patch above the threshold raises an alarm.")
    }

    /// The names of heat maps by row.
    package func names(maps: Int) -> [Int: String] {
        Dictionary(
            uniqueKeysWithValues: study.byPatches.prefix(maps).enumerated().map { ($1, ResultFiles.map($0 + 1)) })
    }

    /// The sheet of the worst pictures and a file for each heat map; `onProgress` hears how many are made.
    package func files(maps: Int, onProgress: (Int, Int) -> Void) throws -> [ResultSheet] {
        let worst = Array(study.byPatches.prefix(maps))
        guard !worst.isEmpty else { return [] }
        var files: [ResultSheet] = []
        for (place, row) in worst.enumerated() {
            let title = ["Place \(place + 1) of \(study.test.count): \(study.test.keys[row])", reading]
            files.append(
                try sheet(ResultFiles.map(place + 1), title, [try pair(row)], columns: ["picture", "heat map"]))
            onProgress(place + 1, worst.count)
        }
        let pairs = try worst.prefix(16).map { try pair($0) }
        let title = ["The pictures with the worst patches, the first the worst", reading]
        return [try sheet("worst.png", title, pairs.inRows(of: 4).map { Array($0.joined()) })] + files
    }

    private func sheet(
        _ name: String, _ title: [String], _ rows: [[ContactSheet.Shown]], columns: [String] = []
    ) throws -> ResultSheet {
        let title = title + (shown.bandNote.map { [$0] } ?? [])
        return ResultSheet(
            name: name, title: title,
            bytes: try ContactSheet.png(
                title: title, columns: columns, legend: HeatMap.legend(scale, width: 600),
                rows: rows.map { ("", $0) }))
    }

    /// A picture and its heat map, with what is known of it.
    private func pair(_ row: Int) throws -> [ContactSheet.Shown] {
        let picture = try shown.picture(row)
        let map = HeatMap.overlay(
            study.map(of: row), rows: study.grid.rows, columns: study.grid.columns, on: picture, scale)
        let patches = study.result(.patches)
        let score = patches?.scores[row] ?? 0
        let isAlarm = patches?.threshold.isAlarm(score)
        var below = [study.test.keys[row]]
        if let anomalous = study.anomalous { below.append(anomalous[row] ? "anomalous" : "normal") }
        return [
            (picture, below),
            (map, [String(format: "worst %.3g", score), isAlarm.map { $0 ? "alarm" : "no alarm" } ?? ""]),
        ]
    }
}
