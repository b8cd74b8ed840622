import Checkpoints
import Foundation
import Optimizers
package import Pretraining
import RecipeSchema

/// What a run has written down of itself: its recipe, its rows, its scores, its log. Nothing is computed.
package struct RunRecord {
    let folder: RunFolder
    let recipe: Recipe
    /// Rows of logged steps, epochs, health checks and online probes, in their order.
    let steps: [JSONValue]
    let epochs: [JSONValue]
    let health: [JSONValue]
    let probes: [JSONValue]
    /// Rows of probes.
    let scores: [JSONValue]
    /// Rows of the encoder's blocks, where they were looked at.
    let diagnosis: [JSONValue]
    /// Lines of the log.
    let log: [String]
    /// Lines of pictures that could not be read.
    let skipped: [String]
    /// The newest state of the checkpoints.
    let state: JSONValue?
    /// Rows that could not be read, in sentences.
    let faults: [String]

    /// Reads a run; throws where there is none, or its recipe cannot be read.
    init(_ folder: RunFolder) throws {
        self.folder = folder
        recipe = try folder.recipe()
        var faults: [String] = []
        let rows = Self.rows(folder.metricsFile, &faults) { $0["kind"]?.string != nil }
        func ofKind(_ kind: String) -> [JSONValue] { rows.filter { $0["kind"]?.string == kind } }
        (steps, epochs, health) = (ofKind("step"), ofKind("epoch"), ofKind("health"))
        probes = ofKind("probe")
        if let data = FileManager.default.contents(atPath: folder.probesFile) {
            let list = (try? JSONParser.parse(Array(data)))?.array
            if list == nil {
                faults.append("probes.json cannot be read; pretrain probe will say what is wrong with it")
            }
            scores = (list ?? []).filter { $0["protocol"]?.string != nil && $0.score != nil }
        } else {
            scores = []
        }
        diagnosis = Self.rows(folder.diagnosisFile, &faults)
        log = Self.lines(folder.logFile)
        skipped = Self.lines(folder.skippedFile)
        state = folder.checkpoints.newestState()
        self.faults = faults
    }

    /// The rows of a file of JSON lines; lines that are none are told, and rows that are none of ours.
    static func rows(
        _ path: String, _ faults: inout [String], isOurs: (JSONValue) -> Bool = { _ in true }
    ) -> [JSONValue] {
        let lines = lines(path)
        let rows = lines.map { line in (try? JSONParser.parse(Array(line.utf8))).flatMap { isOurs($0) ? $0 : nil } }
        let bad = rows.indices.filter { rows[$0] == nil }
        if let first = bad.first {
            let what = bad.count == 1 ? "1 row of" : "\(bad.count) rows of"
            faults.append(
                "\(what) \((path as NSString).lastPathComponent) cannot be read and \(bad.count == 1 ? "is" : "are") left out: "
                    + lines[first].shown(limit: 60) + (bad.count > 1 ? ", …" : ""))
        }
        return rows.compactMap { $0 }
    }

    /// The whole lines of a text; none where there is no file. A line that a kill cut off is left out.
    private static func lines(_ path: String) -> [String] {
        guard let data = FileManager.default.contents(atPath: path) else { return [] }
        var lines = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        lines.removeLast()
        return lines.filter { !$0.isEmpty }.map { String(decoding: $0, as: UTF8.self) }
    }

    /// The step of the newest checkpoint, else of the last row.
    var step: Int { state?["step"]?.int ?? steps.last?["step"]?.int ?? 0 }

    /// Whether the last epoch, or the last step that was asked for, was reached.
    var isFinished: Bool {
        epochs.last?["epoch"]?.int ?? 0 >= recipe.train.epochs || recipe.train.maxSteps.map { step >= $0 } ?? false
    }

    /// Seconds of training, as far as rows tell: of whole epochs, and of the last one by its speed.
    var seconds: Double {
        let whole = epochs.reduce(0) { $0 + ($1["seconds"]?.double ?? 0) }
        let rest = max(0, step - (epochs.last?["step"]?.int ?? 0)) * recipe.train.effectiveBatch
        guard rest > 0, let speed = steps.last?["images_per_s"]?.double, speed > 0 else { return whole }
        return whole + Double(rest) / speed
    }

    /// The newest line of the log that ends with some words, without its date.
    func logged(endingWith words: String) -> String? {
        log.last { $0.hasSuffix(words) }.map { line in
            String(line.split(separator: " ", maxSplits: 1).last ?? "")
        }
    }

    /// Warnings of the log, each once, without their dates, the newest last.
    var warnings: [String] {
        var told = Set<String>()
        return log.compactMap { line in
            guard let place = line.range(of: " warning: ") else { return nil }
            let text = String(line[place.upperBound...])
            return told.insert(text).inserted ? text : nil
        }
    }

    /// Whether a folder has a run that came to its end.
    package static func isFinished(_ folder: RunFolder) -> Bool {
        folder.exists && folder.checkpoints.newestState() != nil && (try? RunRecord(folder))?.isFinished == true
    }

    /// Whether a run has a score of a protocol for its own features and for the untrained network.
    package static func isProbed(_ folder: RunFolder, by name: String) -> Bool {
        guard let rows = (try? RunRecord(folder))?.scores else { return false }
        let kinds = rows.filter { $0["protocol"]?.string?.hasPrefix(name) == true }.compactMap {
            $0["features"]?.string
        }
        return kinds.contains("pretrained") && kinds.contains("random-init")
    }
}

extension JSONValue {
    /// What a row of `probes.json` scores: the share of right pictures, or of regions their mean overlap.
    var score: Double? { self["accuracy"]?.double ?? self["mean_iou"]?.double }
}
