public import Autodiff
public import Checkpoints
import ImageMasking
public import VisionTransformers

extension EncoderFile {
    /// Gives the file's tensors to a model that is to be trained: to `encoder`, whose parameters are in `store`, and to what
    /// stands beside it there, a decoder say, where the file has the very same.
    ///
    /// Parameters that the file lacks keep their values and are named in the account. A patch kernel of another number of bands is made
    /// into one of the model's (`PatchKernel`). A tensor of the file's encoder without a
    /// place in the model is refused with the key of the recipe that would give it one: nothing begins half.
    public func initialize(
        _ store: inout ParameterStore, of encoder: Encoder
    ) throws(CheckpointError) -> EncoderAccount {
        // A model goes on from trained weights, not from their moving average.
        var parts = try parts(EncoderReading(), prefixes: [encoder.traits.owner, "encoder.", ""])
        try parts.agree(with: encoder)
        var account = parts.weights.account
        parts.fitBands(of: encoder.options.channels, &account)
        let tensors = parts.weights.tensors
        var used: Set<String> = []
        let own = Set(encoder.parameterNames(in: store))
        let inner = { (name: String) in String(name.dropFirst(encoder.traits.owner.count)) }
        let positions = try parts.positions(for: encoder, &account)
        if parts.heads == nil {
            account.changes.append("nothing says its attention heads, so model.heads \(encoder.options.heads) is taken")
        }
        if abs(parts.epsilon / Double(encoder.traits.epsilon) - 1) > 1e-3 {
            account.changes.append(
                "its norms had an ε of \(parts.epsilon), and the model's have \(encoder.traits.epsilon)")
        }
        if encoder.options.qkvBias == .noKey, parts.hasBiasOfKeys {
            account.changes.append("biases of keys are left out, which no attention depends on")
        }
        if positions != nil { used.insert("pos_embed") }
        // A table of zeros, which files of encoders without positions have for other readers.
        if encoder.options.position == .none, tensors["pos_embed"]?.array.allSatisfy({ $0 == 0 }) == true {
            used.insert("pos_embed")
        }
        if encoder.traits.finalNorm == .plain, tensors["norm.weight"] != nil {
            used.formUnion(["norm.weight", "norm.bias"])
            account.changes.append("the norm behind its last block is left out, which the model does not train")
        }
        for id in store.ids {
            let entry = store.entry(id)
            guard own.contains(entry.name) else { continue }
            let value =
                inner(entry.name) == "pos_embed"
                ? positions?.table
                : encoder.imported(entry.name) { name in
                    used.insert(name)
                    return tensors[name]
                }
            guard let value else {
                account.missing.append(entry.name)
                continue
            }
            guard value.shape == entry.shape else {
                throw parts.misfit(inner(entry.name), value.shape, entry.shape, encoder.options)
            }
            store.setValue(value, for: id)
        }
        for name in tensors.keys.sorted() where !used.contains(name) {
            throw parts.withoutPlace(name, encoder)
        }
        account.taken = parts.weights.sources.keys.sorted().flatMap { parts.weights.sources[$0] ?? [] }
        guard !account.taken.isEmpty else { throw parts.weights.fault("it has none of this model's parameters") }
        try takeOthers(parts.weights, &store, besides: own, &account)
        return account
    }

    /// What stands beside the encoder goes together: all of it is taken, or nothing.
    private func takeOthers(
        _ weights: EncoderWeights, _ store: inout ParameterStore, besides own: Set<String>,
        _ account: inout EncoderAccount
    ) throws(CheckpointError) {
        let wanted = store.entries.filter { !own.contains($0.name) }
        let sources = Dictionary(weights.others.map { ($0.name, $0.source) }) { first, _ in first }
        func stored(_ name: String) -> StoredTensor? { sources[name].flatMap { file[$0] } }
        let part = { (name: String) in name.prefix { $0 != "." } }
        let parts = Set(wanted.map { part($0.name) })
        let known = Set(wanted.map(\.name))
        let isWhole =
            wanted.allSatisfy { stored($0.name)?.shape == Array($0.shape) }
            && weights.others.allSatisfy { known.contains($0.name) || !parts.contains(part($0.name)) }
        guard isWhole else {
            account.missing += wanted.map(\.name)
            account.ignored = weights.others.map { other in
                (
                    other.source,
                    known.contains(other.name) ? "beside the encoder, and not all of it the model's" : other.reason
                )
            }
            return
        }
        for entry in wanted {
            guard let id = store.id(named: entry.name), let source = sources[entry.name], let tensor = file[source]
            else {
                continue
            }
            store.setValue(try tensor.tensor(named: source, path: path), for: id)
            account.taken.append(source)
        }
        account.ignored.removeAll { known.contains($0.name) || account.taken.contains($0.name) }
    }
}

extension EncoderParts {
    /// Throws where the file's encoder computes otherwise than a model, though its tensors might fit.
    fileprivate func agree(with encoder: Encoder) throws(CheckpointError) {
        let options = encoder.options
        guard (description?.model.position == .rope) == (encoder.rotary != nil) else {
            throw weights.fault(
                encoder.rotary == nil
                    ? "its encoder has rotary positions and root-mean-square norms, which this recipe's model has not; it can begin "
                        + "runs of the method that it came from"
                    : "its encoder has no rotary positions and root-mean-square norms, which this recipe's model has; begin with an "
                        + "encoder of the same method, or without one")
        }
        if let own = description?.model, encoder.rotary != nil {
            guard (own.ropePairing ?? .mixed) == (options.ropePairing ?? .mixed) else {
                let pairing = (own.ropePairing ?? .mixed).rawValue
                throw weights.fault(
                    "its queries and keys are turned as model.rope_pairing \"\(pairing)\" says, and this recipe has another; set "
                        + "it to that")
            }
            guard (own.registers ?? 0) == (options.registers ?? 0) else {
                throw weights.fault(
                    "its encoder has \(own.registers ?? 0) registers, and model.registers is \(options.registers ?? 0); set it to "
                        + "\(own.registers ?? 0)")
            }
        }
        if let patch = weights.tensors["patch_embed.proj.weight"]?.shape, patch.rank == 4 {
            let sides = [
                ("width", patch[0], options.width), ("patch_size", patch[2], options.patchSize),
                ("patch_size", patch[3], options.patchSize),
            ]
            for (key, found, wanted) in sides where found != wanted {
                throw weights.fault(
                    "its model.\(key) is \(found), and this recipe's is \(wanted); set model.\(key) to \(found)")
            }
        }
        if let heads, heads != options.heads {
            throw weights.fault(
                "its encoder has \(heads) attention heads, and model.heads is \(options.heads); set model.heads to \(heads)"
            )
        }
        let quick = ActivationName.quickGELU.activation
        guard (activation.activation == quick) == (encoder.traits.activation == quick) else {
            throw weights.fault(
                "its perceptrons have the activation \"\(activation.rawValue)\", which the model to be trained has not; it "
                    + "can be a teacher, but no beginning")
        }
    }

    /// Whether any bias of keys, the middle third of `qkv.bias`, is not zero.
    fileprivate var hasBiasOfKeys: Bool {
        weights.tensors.contains { name, bias in
            name.hasSuffix(".attn.qkv.bias")
                && bias.array[bias.count / 3..<bias.count / 3 * 2].contains { $0 != 0 }
        }
    }

    /// The position table of a model on its own grid; nil where neither the file nor the model has one to give or take.
    ///
    /// A model of fixed positions takes none, and refuses a file whose positions are others.
    fileprivate func positions(
        for encoder: Encoder, _ account: inout EncoderAccount
    ) throws(CheckpointError) -> (table: Tensor, rows: PositionRows)? {
        let options = encoder.options
        let isFixed = description?.model.position == .sincos
        guard ![.none, .rope].contains(options.position), weights.tensors["pos_embed"] != nil || isFixed else {
            return nil
        }
        let rows = try positions(wanted: encoder.grid)
        if options.position == .sincos {
            guard rows.isSines(options.positionOrder) else {
                let other: PositionOrder = options.positionOrder == .rowFirst ? .columnFirst : .rowFirst
                throw weights.fault(
                    rows.isSines(other)
                        ? "its positions are sines in the order \"\(other.rawValue)\"; set model.position_order to it"
                        : "its position table was trained, and model.position is \"sincos\"; set model.position to "
                            + "\"learned\"")
            }
        }
        if options.position == .learned {
            account.changes += rows.changes(on: encoder.grid, hasClassToken: options.classToken)
        } else if rows.grid != encoder.grid {
            account.changes.append("positions are the sines of \(encoder.grid) patches instead of \(rows.grid)")
        }
        return (rows.table(on: encoder.grid, hasClassToken: options.classToken), rows)
    }

    fileprivate func misfit(
        _ name: String, _ found: Shape, _ wanted: Shape, _ options: EncoderOptions
    ) -> CheckpointError {
        let key =
            name.contains(".mlp.")
            ? "model.mlp_ratio"
            : name.contains("relative_position") ? "data.image_size or model.heads" : "model.width and model.heads"
        return weights.fault(
            "its \(weights.said(name)) has the shape \(found), and this recipe's model needs \(wanted); set \(key) to the "
                + "file's")
    }

    /// A tensor of the file's encoder that the model has no place for.
    fileprivate func withoutPlace(_ name: String, _ encoder: Encoder) -> CheckpointError {
        let depth = encoder.options.depth
        let blocks = weights.tensors.keys.compactMap { name in
            name.hasPrefix("blocks.") ? name.split(separator: ".").dropFirst().first.flatMap { Int($0) } : nil
        }
        let advice: String
        if let last = blocks.max(), last >= depth, last < Int.max {
            advice = "set model.depth to \(last + 1) (it is \(depth))"
        } else if name.hasSuffix(".gamma") {
            advice = "set model.layer_scale to a number, such as 0.1"
        } else if name.hasSuffix("qkv.bias") {
            advice = "set model.qkv_bias to \"qkv\""
        } else if name == "cls_token" {
            advice = "set model.class_token to true"
        } else if name.hasPrefix("rel_pos_bias.") {
            advice = "set model.relative_position_bias to \"shared\""
        } else if name.contains("relative_position_bias") {
            advice = "set model.relative_position_bias to \"per_block\""
        } else {
            advice = "no model that is trained has such a part; the file can be a teacher, but no beginning"
        }
        return weights.fault("its tensor \(weights.said(name)) has no place in this recipe's model; \(advice)")
    }
}
