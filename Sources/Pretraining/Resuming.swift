import Autodiff
import Checkpoints
import Logging
import PretrainingMethods
import RecipeSchema
import VisionTransformers

extension Trainer {
    /// Goes back to the last good checkpoint of a run; returns its step, nil where there is none and training starts anew.
    mutating func resume(
        _ folder: CheckpointFolder, _ state: inout TrainingState, _ log: Logger
    ) throws(RunError) -> Int? {
        let (found, warnings) = folder.latest()
        for warning in warnings { log.warning("\(warning)") }
        guard let found else {
            guard warnings.isEmpty else {
                throw RunError(.data, "\(folder.path) has no checkpoint that can be used; start again with --overwrite")
            }
            log.warning("no checkpoint in \(folder.path) yet: starting from the beginning")
            return nil
        }
        let place = folder.folder(of: found.step)
        guard let saved = TrainingState(found.state) else {
            throw RunError(.data, "\(place)/state.json lacks step, epoch sums or digests; it is of another version")
        }
        guard saved.recipe == state.recipe else {
            throw RunError(
                .usage, "\(place) was made by another recipe than \(folder.path)/../recipe.json; restore that file")
        }
        guard saved.data == state.data else {
            throw RunError(
                .data,
                "the data are not those that \(place) was trained on (files were added, removed or changed); put them "
                    + "back, or start a new run")
        }
        try restore(found, from: place)
        state = saved
        return found.step
    }

    /// Takes the parameters that a file has, by name; those it lacks keep their initial values.
    mutating func initialize(from path: String, _ log: Logger) throws(RunError) {
        let file = try orRunError { () throws(CheckpointError) in try Safetensors.read(path) }
        var taken = 0
        for id in method.parameters.ids {
            let entry = method.parameters.entry(id)
            func tensor(_ name: String) -> Tensor? { file[name].map { Tensor($0.floats(), Shape($0.shape)) } }
            guard let stored = tensor(entry.name) ?? method.encoder.imported(entry.name, from: tensor) else { continue }
            guard stored.shape == entry.shape else {
                throw RunError(
                    .data,
                    "\(path): \"\(entry.name)\" has the shape \(stored.shape); this recipe's model needs \(entry.shape)"
                )
            }
            method.parameters.setValue(stored, for: id)
            taken += 1
        }
        guard taken > 0 else { throw RunError(.data, "\(path) has none of this model's parameters") }
        method.adoptParameters()
        log.info("\(taken) of \(method.parameters.entries.count) parameters from \(path)")
    }
}

extension Recipe {
    /// The digest of what a resumed run may not change: all but where to stop and how to log.
    var coreDigest: String {
        var core = self
        core.train.maxSteps = nil
        core.log = LogOptions()
        return core.digest
    }

    /// The key paths that differ from another recipe and may not, on resume.
    public func forbiddenChanges(from other: Recipe) -> [String] {
        differences(from: other).filter { $0 != "train.max_steps" && !$0.hasPrefix("log.") }
    }
}
