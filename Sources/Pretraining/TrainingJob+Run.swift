public import Autodiff
import Foundation
public import ImageData
import RecipeSchema
import VisionTransformers

extension TrainingJob {
    /// Pretrains by a recipe into a folder, as `pretrain --recipe` does: data opened, what they decide written out, all processors.
    ///
    /// Throws where the recipe has faults (`Problems`), where data or folder cannot be used, or where training diverges. Rows and
    /// checkpoints are in the folder; `log` gets what people read.
    @discardableResult
    public static func run(
        _ recipe: Recipe, in folder: String,
        cards: DatasetCards = DatasetCards(folders: RecipeLibrary.folders("datasets")),
        engine: Engine? = nil, log: RunLog = .silent
    ) throws -> Outcome {
        let recipe = try recipe.checked()
        let run = RunFolder(folder)
        try run.requireFree(overwriting: false)
        let source = try recipe.data.open(.train, cards: cards)
        let (resolved, notes, warnings) = try recipe.resolved(source: source, cards: cards)
        for warning in warnings { log.warning(warning) }
        for note in notes { log.info(note) }
        let job = TrainingJob(resolved, in: run, start: .fresh, engine: try engine ?? Engine.ofThisMachine())
        let normalization = try resolved.data.normalization(channels: resolved.model.channels, cards: cards)
        return try job.run(
            source: try resolved.data.open(.train, cards: cards), transform: resolved.trainingTransform(normalization),
            stop: nil, log: log, onRow: { _ in }, onProgress: { _ in })
    }
}

extension Engine {
    /// An engine on all processors that takes no more memory than there is.
    public static func ofThisMachine(
        threads: Int? = nil, onShortage: @escaping @Sendable (MemoryShortage) -> Never = MemoryShortage.stop
    ) throws(EngineError) -> Engine {
        try Engine(
            threads: threads ?? ProcessInfo.processInfo.activeProcessorCount, memoryLimit: Machine.memory,
            onShortage: onShortage)
    }
}

/// The machine that a process runs on.
public enum Machine {
    /// Bytes of memory that this process may use: the machine's, or the limit of its control group or of the process.
    public static var memory: Int {
        let physical = Int(clamping: ProcessInfo.processInfo.physicalMemory)
        let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].compactMap {
            (try? String(contentsOfFile: $0, encoding: .utf8)).flatMap {
                Int($0.trimmingCharacters(in: .whitespacesAndNewlines))
            }
        }
        var own = rlimit()
        let address = getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &own) == 0 ? Int(clamping: own.rlim_cur) : .max
        return limits.reduce(min(physical, address), min)
    }
}
