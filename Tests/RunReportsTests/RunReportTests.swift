import Autodiff
import Foundation
import Pretraining
import RecipeSchema
import Reporting
import RunReports
import TestSupport
import Testing

struct RunReportTests {
    private struct NoPictures: Error, CustomStringConvertible {
        var description: String { "the disk is <away>" }
    }

    /// A run's folder with a recipe and some files.
    private func folder(_ files: [String: String] = [:]) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        var files = files
        files["recipe.json"] = """
            {"palimpsest": 1, "name": "small", "data": {"source": {"kind": "procedural", "count": 16}, "image_size": 16,
             "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]}, "model": {"patch_size": 4, "width": 16, "depth": 1, "heads": 1},
             "train": {"epochs": 2, "batch_size": 8}}
            """
        for (name, text) in files { try folder.write(Array(text.utf8), name) }
        return folder
    }

    private func page(_ folder: TemporaryFolder) throws -> String {
        let report = try RunReport(RunFolder(folder.path), engine: Engine(threads: 1)) { _ in throw NoPictures() }
        return String(decoding: report.page.file, as: UTF8.self)
    }

    @Test func whatIsMissingIsSaidWithWhatToRun() throws {
        let folder = try folder()
        let text = try page(folder)
        #expect(text.contains("Nobody has measured it yet") && text.contains("pretrain probe \(folder.path)"))
        #expect(text.contains("No check of the features"))
        #expect(text.contains("cannot be opened, so none is drawn: the disk is &lt;away&gt;"))
        #expect(text.contains("pretrain resume \(folder.path) goes on with it"))
    }

    @Test func rowsBecomeCurvesAndAlarms() throws {
        let folder = try folder([
            "metrics.jsonl": """
            {"kind": "health", "step": 0, "rankme": 5, "covariance_rank": 4, "mean_cosine": 0.5, "relative_variance": 0.3, "verdict": null}
            {"kind": "step", "step": 1, "epoch": 0.5, "loss": 1.5, "learning_rate": 0.1, "grad_norm": 2, "images_per_s": 10}
            not a row
            {"step": 3, "loss": 7}
            {"kind": "step", "step": 4, "epoch": 2, "loss": 0.5, "learning_rate": 0, "grad_norm": 1, "constant_loss": 0.9}
            {"kind": "epoch", "step": 4, "epoch": 2, "loss": 0.7, "images_per_s": 10, "seconds": 75}
            {"kind": "health", "step": 4, "rankme": 1, "covariance_rank": 1, "verdict": "collapsed: <all> the same"}
            {"kind": "step", "step": 5, "los

            """,
            "log.txt": """
            2026-01-02T03:04:05Z 2 threads, avx2 kernels
            2026-01-02T03:04:06Z warning: one & only
            2026-01-02T03:04:07Z warning: one & only

            """,
        ])
        let text = try page(folder)
        #expect(
            text.contains(
                "4 steps of 8, 32 pictures in all in 1 min 15 s on 2 threads, avx2 kernels, and came to its end."))
        #expect(text.contains("At step 4: collapsed: &lt;all&gt; the same") && !text.contains("Nothing unusual"))
        #expect(text.contains("loss goes from 1.5 at 1 to 0.5 at 4") && text.contains("best constant prediction"))
        #expect(text.contains("3 rows of metrics.jsonl cannot be read and are left out: not a row, …"))
        #expect(text.contains("Warnings of the log (1)") && text.contains("one &amp; only"))
    }

    private func row(
        _ name: String, _ features: String, _ accuracy: Double, _ half: Double, options: String = ""
    ) throws -> JSONValue {
        try JSONParser.parse(
            """
            {"protocol": "\(name)", "features": "\(features)", "accuracy": \(accuracy), "interval": [\(accuracy - half),
             \(accuracy + half)], "chosen": {}, "train": 100, "test": 50, "train_data": "a", "test_data": "b"\(options)}
            """)
    }

    @Test func theAnswerFollowsTheIntervals() throws {
        func answer(_ own: Double, _ untrained: Double, _ raw: Double) throws -> String {
            let groups = ProbeComparison.all([
                try row("p", "pretrained", own, 0.05), try row("p", "random-init", untrained, 0.05),
                try row("p", "raw-pixels", raw, 0.05),
            ])
            #expect(groups.count == 1)
            return ProbeComparison.answer(groups)
        }
        #expect(try answer(0.8, 0.5, 0.6).hasPrefix("Yes"))
        #expect(try answer(0.8, 0.5, 0.75).hasPrefix("Not shown"))
        #expect(try answer(0.5, 0.5, 0.75).hasPrefix("No: "))
        let mixed = ProbeComparison.all([
            try row("p", "pretrained", 0.8, 0.05), try row("p", "random-init", 0.5, 0.05),
            try row("q", "pretrained", 0.5, 0.05), try row("q", "random-init", 0.8, 0.05),
        ])
        #expect(
            ProbeComparison.answer(mixed)
                == "In part: the pretrained features are better by p, worse than a baseline by q.")
        let alone = ProbeComparison.all([try row("p", "pretrained", 0.8, 0.05)])
        #expect(ProbeComparison.answer(alone).hasPrefix("There is nothing to compare with"))
    }

    @Test func settingsAreToldApart() throws {
        let groups = ProbeComparison.all([
            try row("p", "pretrained", 0.8, 0.05),
            try row("p", "pretrained", 0.7, 0.05, options: ", \"options\": {\"k\": 5}"),
            try row("p", "random-init", 0.5, 0.05), try row("p", "unknown", 0.5, 0.05),
        ])
        #expect(groups.map(\.title) == ["p", "p, k 5"])
        #expect(groups[0].cell("pretrained") == "80.0 ± 5.0" && groups[0].gain == "+30.0")
        #expect(groups[1].cell("random-init") == "–" && groups[1].gain == "–")
        // Raw pixels have no pooling, and stand beside what has.
        let pooled = ", \"pooling\": \"mean\", \"layer\": \"4 of 4\""
        let beside = ProbeComparison.all([
            try row("p", "pretrained", 0.5, 0.05, options: pooled), try row("p", "raw-pixels", 0.8, 0.05),
        ])
        #expect(beside.count == 1 && ProbeComparison.answer(beside).hasPrefix("No: "))
    }
}
