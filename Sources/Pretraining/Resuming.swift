import Autodiff
import Checkpoints
import ContentDigests
import EncoderFiles
import ImageData
import Optimizers
import PretrainingMethods
package import RecipeSchema
import TrainingStep
import VisionTransformers

extension Trainer {
    /// Goes back to the last good checkpoint of a run; returns its step, nil where there is none and training starts anew.
    mutating func resume(
        _ run: RunFolder, _ state: inout TrainingState, source: any ImageSource, stepsPerEpoch: Int, _ log: RunLog
    ) throws(RunError) -> Int? {
        let folder = run.checkpoints
        let found: Checkpoint?
        let warnings: [String]
        do throws(CheckpointError) {
            (found, warnings) = try folder.latest()
        } catch {
            throw RunError(
                .inputOutput,
                "\(error); it may well be whole, so make it readable, or move it away to go on from the one before")
        }
        for warning in warnings { log.warning(warning) }
        guard let found else {
            guard warnings.isEmpty else {
                throw RunError(
                    .data,
                    "\(folder.path) has no checkpoint that can be used; to start again: pretrain --recipe "
                        + "\(run.recipeFile.quotedForShell) --run \(run.path.quotedForShell) --overwrite")
            }
            log.warning("no checkpoint in \(folder.path) yet: starting from the beginning")
            return nil
        }
        let place = folder.folder(of: found.step)
        let saved: TrainingState
        do throws(TrainingState.Fault) {
            saved = try TrainingState(found.state, step: found.step)
        } catch {
            throw RunError(.data, "\(place)/state.json \(error.reason); \(TrainingState.remedy)")
        }
        guard saved.recipe == state.recipe else {
            throw RunError(
                .usage, "\(place) was made by another recipe than \(run.recipeFile); restore that file")
        }
        let data =
            saved.unreadable.isEmpty ? state.data : source.contentDigest(excluding: Set(saved.unreadable.keys))
        guard saved.data == data else {
            let change =
                saved.pictures.map {
                    $0 == source.count ? "files were changed or renamed" : "\($0) pictures then, \(source.count) now"
                }
                ?? "files were added, removed or changed"
            throw RunError(
                .data,
                "the data are not those that \(place) was trained on (\(change)); put them back, give their place with "
                    + "--data, or start a new run")
        }
        if let reason = saved.contradiction(pictures: source.count, stepsPerEpoch: stepsPerEpoch) {
            throw RunError(.data, "\(place)/state.json \(reason); \(TrainingState.remedy)")
        }
        try restore(found, from: place)
        state = saved
        return found.step
    }

    /// Takes the parameters that a file has; those it lacks keep their initial values. Returns the terms of the weights, where the
    /// file says them.
    mutating func initialize(from path: String, _ log: RunLog) throws(RunError) -> String? {
        var parameters = method.parameters
        let encoder = method.encoder
        let (account, licence) = try orRunError { () throws(CheckpointError) in
            let file = try EncoderFile(path: path)
            return (try file.initialize(&parameters, of: encoder), file.licence)
        }
        method.parameters = parameters
        method.adoptParameters()
        let isPartial = encoder.parameterNames(in: parameters).contains { account.missing.contains($0) }
        log.say(isPartial ? .warning : .info, "\(path): \(account.sentence)")
        if let licence {
            log.info("terms of the weights that it begins with, which its encoder carries along: \(licence.shown)")
        }
        return licence
    }
}

extension RunFolder {
    /// A source with gaps at the places of pictures that the run knew as unreadable and that are gone.
    func restored(_ source: any ImageSource) -> any ImageSource {
        guard let known = checkpoints.newestState()?["unreadable"]?.members, !known.isEmpty else { return source }
        let keys = Set((0..<source.count).map { source.key($0) })
        var gone: [Int: String] = [:]
        for member in known {
            guard let number = Int(member.name), let key = member.value.string, !keys.contains(key) else { continue }
            gone[number] = key
        }
        return gone.isEmpty ? source : RestoredSource(source, gone: gone)
    }
}

extension Recipe {
    /// What a resumed run may change, because no step that was taken depends on it: where to stop, what is kept for the way back, how
    /// many pictures may be unreadable, how to log and what to watch, and where the data lie, whose content is compared by itself. Of
    /// the epochs too, where nothing is scheduled over all of them.
    private var freePaths: [String] {
        [
            "train.max_steps", "train.checkpoint_blocks", "log", "probes", "data.source.path", "data.source.labels",
            "data.source.label_file", "data.source.maps", "data.corrupt_limit",
        ]
            + (regularizer.isIdle ? ["regularizer"] : [])
            + (train.schedule is ConstantOptions && !method.needs.isScheduledOverRun ? ["train.epochs"] : [])
    }

    /// The digest of what a resumed run may not change. Values left open do not count: a later version may have more of them.
    var coreDigest: String {
        var core = freePaths.reduce(into: encoded) { $0.remove($1) }.withoutNulls
        if regularizer.name == nil { core.remove("regularizer") }
        return SHA256.hexadecimal(of: Array(core.text().utf8))
    }

    /// What a resumed run changes and may not, a sentence each with both values.
    public func forbiddenChanges(from other: Recipe) -> [String] {
        let free = freePaths.filter(other.freePaths.contains)
        return differences(from: other)
            .filter { change in !free.contains { change.path == $0 || change.path.hasPrefix($0 + ".") } }
            .map { change in
                let values = "\(change.path) (\(change.old.summary) there, \(change.new.summary) here)"
                guard change.path == "train.epochs" else { return values }
                return values
                    + ": rates and averages run over all epochs, so other epochs change the past; begin a new "
                    + "run with --init-from and the run's encoder.safetensors"
            }
    }

    /// Refuses to go on with a run that was made by another recipe.
    func requireSamePast(as old: Recipe, in folder: RunFolder) throws(RunError) {
        let changed = forbiddenChanges(from: old)
        guard changed.isEmpty else {
            throw RunError(
                .usage,
                "\(folder.path) was made by another recipe: \(changed.joined(separator: "; ")). Resume with the same values, "
                    + "or start another run: pretrain --recipe R --run FOLDER")
        }
    }

    /// The values in which two recipes differ, by their key paths.
    package func differences(from other: Recipe) -> [(path: String, old: JSONValue, new: JSONValue)] {
        func walk(_ new: JSONValue, _ old: JSONValue, _ path: String) -> [(
            path: String, old: JSONValue, new: JSONValue
        )] {
            guard let members = new.members, let others = old.members else {
                return new == old ? [] : [(path, old, new)]
            }
            let names = members.map(\.name) + others.map(\.name).filter { new[$0] == nil }
            return names.flatMap { name in
                walk(new[name] ?? .null, old[name] ?? .null, path.isEmpty ? name : "\(path).\(name)")
            }
        }
        return walk(encoded, other.encoded, "")
    }
}

extension JSONValue {
    /// Takes the value at a dotted path out, if it is there.
    fileprivate mutating func remove(_ path: String) {
        guard case .object(var members) = kind else { return }
        let parts = path.split(separator: ".", maxSplits: 1)
        guard let place = members.firstIndex(where: { $0.name == parts[0] }) else { return }
        if parts.count == 1 { members.remove(at: place) } else { members[place].value.remove(String(parts[1])) }
        kind = .object(members)
    }

    /// The value without members that are null, at any depth.
    fileprivate var withoutNulls: JSONValue {
        guard case .object(let members) = kind else { return self }
        return JSONValue.object(members.filter { !$0.value.isNull }.map { ($0.name, $0.value.withoutNulls) })
    }
}
