public import Autodiff
public import Checkpoints
import RecipeSchema
public import VisionTransformers

/// The names of an encoder's parameters, without what stands in front of them.
enum EncoderNames {
    /// Whether a name is an encoder's, not a decoder's or a head's.
    static func contains(_ name: String) -> Bool {
        ["cls_token", "pos_embed", "reg_token", "registers"].contains(name)
            || ["patch_embed.", "norm_pre.", "rel_pos_bias.", "blocks.", "encoder.blocks.", "norm."].contains {
                name.hasPrefix($0)
            }
    }
}

/// The encoder's parameters under timm's names, to and from files.
extension Encoder {
    /// The names of the encoder's own parameters in a store that may hold a decoder too, in the store's order.
    public func parameterNames(in store: ParameterStore) -> [String] {
        store.entries.map(\.name).filter { name in
            name.hasPrefix(traits.owner) && EncoderNames.contains(String(name.dropFirst(traits.owner.count)))
        }
    }

    /// Why timm's plain models cannot hold this encoder; nil where they can.
    public var timmObstacle: String? {
        if rotary != nil {
            return
                "timm's plain ViT has neither rotary positions nor root-mean-square norms (model.position is \"rope\")"
        }
        if options.relativePositionBias != .none {
            return "timm's plain ViT has no relative position bias (model.relative_position_bias is "
                + "\"\(options.relativePositionBias.rawValue)\")"
        }
        return options.headsFault
    }

    /// Everything a file of the encoder holds, by name: timm's names without the owner's prefix, with one `qkv.bias` for the
    /// biases of queries and values, `ls1.gamma` for `gamma_1`, and the position table, fixed or trained.
    ///
    /// What `timmObstacle` names goes under this software's own names.
    public func exported(from store: ParameterStore) -> [(name: String, value: Tensor)] {
        var tensors: [(name: String, value: Tensor)] = []
        for name in parameterNames(in: store) {
            guard let value = store[name] else { continue }
            let own = String(name.dropFirst(traits.owner.count))
            if own == "pos_embed" || own.hasSuffix(".v_bias") { continue }
            if rotary != nil {
                if let joined = rotaryExport(own, value, name, store) { tensors.append(joined) }
                continue
            }
            if own.hasSuffix(".q_bias"), let values = store[name.replacingLast("q_bias", with: "v_bias")] {
                let zeros = [Float](repeating: 0, count: value.count)
                tensors.append(
                    (
                        own.replacingLast("q_bias", with: "qkv.bias"),
                        Tensor(value.array + zeros + values.array, [3 * value.count])
                    ))
                continue
            }
            tensors.append((timmName(own), value))
        }
        guard rotary == nil else { return tensors }
        if traits.finalNorm == .plain {
            tensors.append(("norm.weight", Tensor(filled: 1, [options.width])))
            tensors.append(("norm.bias", Tensor(zeros: [options.width])))
        }
        let table = positionTable(store)
        tensors.append(("pos_embed", table.reshaped([1, table.shape[0], table.shape[1]])))
        return tensors
    }

    /// The file of the encoder alone: what `exported` gives, and in the metadata all that is needed to use it.
    ///
    /// `mean` and `deviation` are those that its images are normalised with; `metadata` are added. `not_timm` says why timm
    /// cannot read it, where it cannot.
    public func file(
        _ store: ParameterStore, mean: [Double], deviation: [Double], metadata: [String: String] = [:]
    ) -> SafetensorsFile {
        var description = EncoderDescription(self, mean: mean, deviation: deviation, prefix: "")
        // Its tensors are written, so that every reader finds them; those of rotary encoders only we can read.
        if rotary == nil { description.plainNorm = false }
        var file = SafetensorsFile(
            metadata: metadata.merging(["format": "pt", EncoderDescription.key: description.encoded.text()]) { $1 })
        if let reason = timmObstacle { file.metadata["not_timm"] = reason }
        for (name, value) in exported(from: store) {
            file[name] = StoredTensor(value.array, shape: Array(value.shape))
        }
        return file
    }

    /// The value that a parameter of this encoder has in a file written from `exported`; nil where the file lacks it.
    ///
    /// `name` is the parameter's name, with the owner's prefix; `file` gives the file's tensors.
    func imported(_ name: String, from file: (String) -> Tensor?) -> Tensor? {
        guard name.hasPrefix(traits.owner) else { return nil }
        let own = String(name.dropFirst(traits.owner.count))
        if rotary != nil { return rotaryImport(own, file) }
        for (part, place) in [("q_bias", 0), ("v_bias", 2)] where own.hasSuffix("." + part) {
            let joined = file(own.replacingLast(part, with: "qkv.bias"))
            guard let joined, joined.count % 3 == 0 else { return nil }
            let count = joined.count / 3
            return joined.view(place * count..<(place + 1) * count, as: [count])
        }
        return file(timmName(own))
    }

    /// The tensor of a rotary encoder under canonical names, queries, keys and values as one; nil for keys and values, which went with
    /// their queries.
    private func rotaryExport(
        _ own: String, _ value: Tensor, _ name: String, _ store: ParameterStore
    ) -> (name: String, value: Tensor)? {
        guard case .canonical(let canonical) = TensorLayout.capi.meaning(of: own) else { return nil }
        if canonical.hasSuffix(".attn.k.weight") || canonical.hasSuffix(".attn.v.weight") { return nil }
        guard canonical.hasSuffix(".attn.q.weight") else { return (canonical, value) }
        let others = ["k_proj.weight", "v_proj.weight"].compactMap {
            store[name.replacingLast("q_proj.weight", with: $0)]
        }
        var shape = value.shape
        shape[0] *= 3
        return (
            canonical.replacingLast("q.weight", with: "qkv.weight"),
            Tensor(others.reduce(value.array) { $0 + $1.array }, shape)
        )
    }

    /// The value of a parameter of a rotary encoder in a file of canonical names.
    private func rotaryImport(_ own: String, _ file: (String) -> Tensor?) -> Tensor? {
        guard case .canonical(let canonical) = TensorLayout.capi.meaning(of: own) else { return nil }
        for (place, part) in ["q", "k", "v"].enumerated() where canonical.hasSuffix(".attn.\(part).weight") {
            guard let joined = file(canonical.replacingLast("\(part).weight", with: "qkv.weight")),
                joined.shape.rank == 2, joined.shape[0] % 3 == 0
            else { return nil }
            let count = joined.count / 3
            return joined.view(place * count..<(place + 1) * count, as: [joined.shape[0] / 3, joined.shape[1]])
        }
        return file(canonical)
    }

    private func timmName(_ own: String) -> String {
        for (ours, theirs) in [("gamma_1", "ls1.gamma"), ("gamma_2", "ls2.gamma")] where own.hasSuffix("." + ours) {
            return own.replacingLast(ours, with: theirs)
        }
        return own
    }
}

extension String {
    /// The string with its ending `ending` replaced.
    fileprivate func replacingLast(_ ending: String, with other: String) -> String {
        String(dropLast(ending.count)) + other
    }
}
