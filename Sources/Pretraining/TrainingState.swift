import Autodiff
import Checkpoints
import EncoderFiles
import ImageData
import Optimizers
import PretrainingMethods
import RecipeSchema
import TrainingStep

/// What a checkpoint holds besides parameters and moments: the position, and sums that rows of the log need.
struct TrainingState: Equatable {
    /// Optimiser steps taken.
    var step = 0
    /// Sum of the losses of this epoch's steps.
    var epochLoss = 0.0
    /// Steps of this epoch.
    var epochSteps = 0
    /// Pictures of this epoch that were decoded in spite of faults.
    var epochDamaged = 0
    /// The different pictures found unreadable, and what identifies them in the source.
    var unreadable: [Int: String] = [:]
    /// Digest of the recipe without its stopping point and log.
    var recipe = ""
    /// Digest of the data, without the pictures that cannot be read.
    var data = ""
    /// Pictures of the source; nil in checkpoints of earlier versions.
    var pictures: Int?
    /// What health checks have shown so far.
    var health = HealthHistory()
    /// SHA-256 of the `encoder.safetensors` that belongs to the checkpoint.
    var encoder = ""
    /// The terms of the weights that the run began with, where their file says them.
    var licence: String?

    var json: JSONValue {
        .object([
            ("step", JSONValue(step)), ("epoch_loss", JSONValue(epochLoss)), ("epoch_steps", JSONValue(epochSteps)),
            ("epoch_damaged", JSONValue(epochDamaged)),
            (
                "unreadable",
                .object(unreadable.sorted { $0.key < $1.key }.map { (String($0.key), JSONValue($0.value)) })
            ),
            ("recipe", JSONValue(recipe)), ("data", JSONValue(data)),
            ("pictures", pictures.map { JSONValue($0) } ?? .null), ("encoder", JSONValue(encoder)),
            ("licence", licence.map { JSONValue($0) } ?? .null), ("health", health.json),
            ("version", JSONValue(palimpsestVersion)),
        ])
    }

    init() {}

    /// Why a state cannot be gone on from.
    struct Fault: Error {
        var reason: String
    }

    /// What to do about a state that cannot be gone on from.
    static let remedy = "put the file back that was written, or move the checkpoint away to go on from the one before"
    /// Most steps that a run can have.
    private static let mostSteps = 1 << 40

    /// The state of a checkpoint of `step`.
    init(_ json: JSONValue, step: Int) throws(Fault) {
        guard let stated = json["step"]?.int, let loss = json["epoch_loss"]?.double,
            let steps = json["epoch_steps"]?.int, let damaged = json["epoch_damaged"]?.int,
            let unreadable = json["unreadable"]?.members, let recipe = json["recipe"]?.string,
            let data = json["data"]?.string, let health = json["health"].flatMap({ HealthHistory($0) })
        else { throw Fault(reason: "lacks step, epoch sums or digests, as other versions write them") }
        guard stated == step, (0...Self.mostSteps).contains(step) else {
            throw Fault(reason: "says step \(stated) in the folder of step \(step)")
        }
        self.step = step
        epochLoss = loss
        epochSteps = steps
        epochDamaged = damaged
        for member in unreadable {
            guard let number = Int(member.name), let key = member.value.string else {
                throw Fault(reason: "lists an unreadable picture as \(member.name), which is no number and key")
            }
            self.unreadable[number] = key
        }
        self.recipe = recipe
        self.data = data
        self.health = health
        encoder = json["encoder"]?.string ?? ""
        licence = json["licence"]?.string
        pictures = json["pictures"]?.int
    }

    /// Why a state contradicts the run that it is to go on with, which a sealed file may do; nil where it fits.
    func contradiction(pictures: Int, stepsPerEpoch: Int) -> String? {
        if epochSteps != step % stepsPerEpoch {
            return "says \(epochSteps) steps of its epoch at step \(step), with \(stepsPerEpoch) steps an epoch"
        }
        if !(0...step).contains(epochDamaged / max(1, pictures)) || epochDamaged < 0 {
            return "says \(epochDamaged) damaged pictures"
        }
        return unreadable.keys.allSatisfy { (0..<pictures).contains($0) }
            ? nil : "lists unreadable pictures beyond the \(pictures) of the source"
    }
}

extension Trainer {
    /// A checkpoint of this moment, with what the optimiser keeps.
    func checkpoint(
        _ state: TrainingState, _ kept: [(name: String, values: Tensor)], _ recipe: Recipe
    ) -> Checkpoint {
        let metadata = ["format": "pt", "palimpsest": palimpsestVersion, "recipe": recipe.withoutProbes.encoded.text()]
        var model = SafetensorsFile(metadata: metadata.merging(origins) { own, _ in own })
        model.metadata[EncoderFile.licenceKey] = state.licence
        model.metadata[EncoderDescription.key] = recipe.description(of: method.encoder).encoded.text()
        var moments = SafetensorsFile(metadata: metadata)
        for (name, tensor) in method.state {
            model[name] = StoredTensor(tensor.array, shape: Array(tensor.shape))
        }
        for entry in method.parameters.entries {
            let shape = Array(entry.shape)
            model[entry.name] = method.parameters[entry.name].map { StoredTensor($0.array, shape: shape) }
            for (name, flat) in kept {
                moments["\(name)/\(entry.name)"] = StoredTensor(
                    flat.view(entry.range, as: entry.shape).array, shape: shape)
            }
        }
        return Checkpoint(step: state.step, model: model, optimizer: moments, state: state.json)
    }

    /// Goes back to a checkpoint; throws where it does not hold what this method needs.
    mutating func restore(_ checkpoint: Checkpoint, from place: String) throws(RunError) {
        try origins.requireEqual(to: checkpoint.model.metadata, of: place)
        try method.parameters.load(checkpoint.model, from: place)
        try method.loadState(checkpoint.model, from: place)
        var kept: [String: Tensor] = [:]
        for (name, _) in steps.optimizer.state {
            var values = [Float](repeating: 0, count: method.parameters.flatCount)
            for entry in method.parameters.entries {
                values.replaceSubrange(
                    entry.range, with: try floats(checkpoint.optimizer, "\(name)/\(entry.name)", entry.shape, place))
            }
            kept[name] = Tensor(values, [values.count])
        }
        steps.restore(kept, step: checkpoint.step)
    }
}

extension [String: String] {
    /// Refuses a checkpoint, by its metadata, that was trained on something else than these origins: with another teacher at the same
    /// place a run would silently be another one.
    func requireEqual(to metadata: [String: String], of place: String) throws(RunError) {
        for (name, value) in sorted(by: { $0.key < $1.key }) {
            let saved = metadata[name]
            guard saved == value else {
                throw RunError(
                    .data,
                    "\(place) was trained with \(name) \(saved ?? "none"), and now it is \(value); put the old one back, "
                        + "or start a new run")
            }
        }
    }
}

private func floats(
    _ file: SafetensorsFile, _ name: String, _ shape: Shape, _ place: String
) throws(RunError) -> [Float] {
    guard let stored = file[name] else { throw RunError(.data, "\(place) has no tensor \"\(name)\"") }
    guard stored.shape == Array(shape) else {
        throw RunError(
            .data, "\(place): \"\(name)\" has the shape \(stored.shape); this recipe's model needs \(shape)")
    }
    return stored.floats()
}

extension PretrainingMethod {
    /// Takes what the method keeps besides parameters from a file.
    mutating func loadState(_ file: SafetensorsFile, from place: String) throws(RunError) {
        var restored: [String: Tensor] = [:]
        for (name, tensor) in state {
            restored[name] = Tensor(try floats(file, name, tensor.shape, place), tensor.shape)
        }
        state = restored
    }
}

extension ParameterStore {
    /// Takes every parameter from a file.
    mutating func load(_ file: SafetensorsFile, from place: String) throws(RunError) {
        for id in ids {
            let entry = entry(id)
            setValue(Tensor(try floats(file, entry.name, entry.shape, place), entry.shape), for: id)
        }
    }
}
