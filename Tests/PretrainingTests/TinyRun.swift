import Autodiff
import ContentDigests
import Foundation
import ImageData
import Pretraining
import TestSupport

/// A run small enough for tests: 24 pictures of 16 x 16, three steps an epoch.
struct TinyRun {
    let home: TemporaryFolder
    var folder: RunFolder { RunFolder(home.path + "/run") }

    static let text = """
        {"palimpsest": 1, "name": "tiny", "seed": 3,
         "data": {"source": {"kind": "procedural", "count": 26, "test_count": 10, "size": 16}, "image_size": 16,
                  "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
         "model": {"patch_size": 4, "width": 16, "depth": 2, "heads": 2, "drop_path": 0.2},
         "mask": {"strategy": "color", "color": "green", "ratio": 0.5, "tile": 16},
         "method": {"name": "mae", "decoder_width": 8, "decoder_depth": 1, "decoder_heads": 2},
         "train": {"epochs": 3, "batch_size": 4, "accumulate": 2, "base_learning_rate": 0.05, "warmup_epochs": 0.5,
                   "clip_norm": 2},
         "log": {"every_steps": 1, "keep": 10, "checkpoint_every_steps": 1}}
        """

    init() throws { home = try TemporaryFolder() }

    static func recipe(_ changes: String...) throws -> Recipe { try recipe(changes: changes) }

    static func recipe(changes: [String]) throws -> Recipe { try Recipe.parse(Array(text.utf8), set: changes) }

    /// Trains and returns how it ended.
    @discardableResult
    func train(
        _ recipe: Recipe, _ start: TrainingJob.Start = .fresh, threads: Int = 1, loaderThreads: Int = 0,
        untilEpoch: Int? = nil, overwrites: Bool = true, seenAs: (any ImageSource) -> any ImageSource = { $0 }
    ) throws -> TrainingJob.Outcome {
        var job = TrainingJob(
            recipe, in: folder, start: start, engine: try Engine(threads: threads), loaderThreads: loaderThreads)
        job.untilEpoch = untilEpoch
        job.overwrites = overwrites && start != .resumed
        let cards = DatasetCards(folders: [])
        let normalization = try recipe.data.normalization(channels: 3, cards: cards)
        return try job.run(
            source: seenAs(try recipe.data.open(.train, cards: cards)),
            transform: recipe.trainingTransform(normalization), stop: nil,
            log: .silent, onRow: { _ in },
            onProgress: { _ in })
    }

    /// The digest of a file of the run.
    func digest(_ file: String) throws -> String {
        SHA256.hexadecimal(of: Array(try Data(contentsOf: URL(fileURLWithPath: folder.path + "/" + file))))
    }

    /// Digests of everything that the last of nine steps left.
    func finalDigests() throws -> [String] {
        try [
            "encoder.safetensors", "checkpoints/step-00000009/model.safetensors",
            "checkpoints/step-00000009/optimizer.safetensors",
        ].map(digest)
    }

    /// The rows of `metrics.jsonl`.
    func rows() throws -> [String] {
        try String(contentsOfFile: folder.metricsFile, encoding: .utf8).split(separator: "\n").map(String.init)
    }
}
