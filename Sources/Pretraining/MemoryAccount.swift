import Autodiff
import ImageData
import PretrainingMethods
import TrainingStep
import VisionTransformers

/// What a run keeps in memory, added up before any of it is allocated: the engine's pool counts only what it hands out itself.
struct MemoryAccount {
    /// Bytes and what they are for.
    private(set) var parts: [(what: String, bytes: Double)] = []
    /// Most bytes that there are.
    let limit: Int

    init(limit: Int) { self.limit = limit }

    /// Most parameters that a run can have: each is kept with its gradient and two moments.
    static func mostParameters(limit: Int) -> Int { limit / (4 * MemoryLayout<Float>.size) }

    mutating func add(_ what: String, numbers: Double) {
        parts.append((what, numbers * Double(MemoryLayout<Float>.size)))
    }

    /// Parameters, gradients, what the optimiser and the method keep.
    mutating func add<Method: PretrainingMethod>(_ method: Method, kept: Int) {
        let count = Double(method.parameters.parameterCount)
        add(
            "\(method.parameters.parameterCount) parameters with gradients and \(kept) moments",
            numbers: count * Double(2 + kept))
        add("what the method keeps", numbers: Double(method.state.values.reduce(0) { $0 + $1.count }))
    }

    /// Batches in work and ahead of their use, and the order of the pictures.
    mutating func add(_ recipe: Recipe, pictures: Int, loaderThreads: Int) {
        let train = recipe.train
        let sizes = recipe.method.needs.views?.sizes(of: recipe.data.imageSize) ?? [recipe.data.imageSize]
        let picture =
            Double(recipe.model.channels) * sizes.reduce(0) { $0 + Double($1.height) * Double($1.width) }
        let batches = Double(2 * loaderThreads + 2)
        add(
            "\(Int(batches)) batches of \(train.batchSize) pictures",
            numbers: batches * picture * Double(train.batchSize))
        add("the order of \(pictures) pictures", numbers: 4 * Double(pictures))
    }

    /// Refuses a run that cannot fit, naming the largest part.
    func check() throws(RunError) {
        let total = parts.reduce(0) { $0 + $1.bytes }
        guard total > Double(limit), let largest = parts.max(by: { $0.bytes < $1.bytes }) else { return }
        throw RunError(
            .usage,
            "the run needs \(Self.spoken(total)) of memory at least, \(Self.spoken(largest.bytes)) of them for \(largest.what); "
                + "this machine has \(Self.spoken(Double(limit))). Lower model.width, model.depth, data.image_size or "
                + "train.batch_size")
    }

    /// The refusal of a method that was not made for want of memory.
    static func refusal(parameters: Int, limit: Int) -> RunError {
        let bytes = Double(parameters) * 4 * Double(MemoryLayout<Float>.size)
        return RunError(
            .usage,
            "the model has \(parameters) parameters, which take \(spoken(bytes)) with their gradients and moments; this machine "
                + "has \(spoken(Double(limit))). Lower model.width, model.depth, model.mlp_ratio or the sizes of method"
        )
    }

    private static func spoken(_ bytes: Double) -> String {
        let mebibytes = (bytes / 1_048_576).rounded()
        return mebibytes < 1e9 ? "\(Int(mebibytes)) MiB" : "\(mebibytes) MiB"
    }
}
