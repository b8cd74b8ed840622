import Autodiff
import Checkpoints
import EncoderFiles
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

    /// Takes the parameters that a file has; those it lacks keep their initial values.
    mutating func initialize(from path: String, _ log: Logger) throws(RunError) {
        var parameters = method.parameters
        let encoder = method.encoder
        let account = try orRunError { () throws(CheckpointError) in
            try EncoderFile(path: path).initialize(&parameters, of: encoder)
        }
        method.parameters = parameters
        method.adoptParameters()
        let isPartial = encoder.parameterNames(in: parameters).contains { account.missing.contains($0) }
        log.log(level: isPartial ? .warning : .info, "\(path): \(account.sentence)")
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
