import Autodiff
import Checkpoints
import RecipeSchema

/// The tensors of a file under canonical names, timm's, and what became of the others.
///
/// Queries, keys and values are one tensor `attn.qkv`; `cls_token` is `[1, 1, D]`, `reg_token` `[1, R, D]` and `pos_embed`
/// `[1, rows, D]` with whatever rows the file has.
struct EncoderWeights {
    /// The tensors by canonical name.
    private(set) var tensors: [String: Tensor] = [:]
    /// The names in the file that each canonical tensor was made of.
    private(set) var sources: [String: [String]] = [:]
    /// What stands beside the encoder: its name without wrappers, its name in the file, and why it is not the encoder's.
    private(set) var others: [(name: String, source: String, reason: String)] = []
    /// The file, for errors.
    let path: String

    /// The encoder in a file of ours, whose names begin with `prefix`.
    init(
        own file: SafetensorsFile, prefix: String, layout: TensorLayout, path: String
    ) throws(CheckpointError) {
        self.path = path
        for name in file.names {
            guard let stored = file[name] else { continue }
            let inner = String(name.dropFirst(prefix.count))
            if name.hasPrefix(prefix), EncoderNames.contains(inner) {
                try take(stored, named: name, as: layout.meaning(of: inner))
            } else {
                others.append((name, name, "its method's, not its encoder's"))
            }
        }
        try finish()
    }

    /// The encoder in a file of a foreign layout.
    init(_ file: SafetensorsFile, layout: TensorLayout, path: String) throws(CheckpointError) {
        self.path = path
        for (name, source, stored) in Self.unwrapped(file, until: { layout.matches($0) }) {
            let meaning = layout.meaning(of: name)
            if case .ignored(let reason) = meaning {
                others.append((name, source, reason))
                continue
            }
            guard case .canonical = meaning else {
                throw fault(
                    "its tensor \(quoted(source)) has no place in a vision transformer as layout "
                        + "\"\(layout.layout.rawValue)\" names it, so the file cannot be used")
            }
            try take(stored, named: source, as: meaning)
        }
        try finish()
    }

    func fault(_ reason: String) -> CheckpointError { CheckpointError(.invalid, path: path, reason) }

    /// A tensor as its file names it, for errors.
    func said(_ canonical: String) -> String { quoted(sources[canonical]?.first ?? canonical) }

    /// An account of the file in which what stands beside the encoder is left.
    var account: EncoderAccount {
        var account = EncoderAccount(tensorCount: sources.values.reduce(others.count) { $0 + $1.count })
        account.ignored = others.map { ($0.source, $0.reason) }
        return account
    }

    /// Takes a tensor out, when there is no use for it.
    mutating func leave(_ canonical: String, because reason: String) {
        tensors[canonical] = nil
        for name in sources.removeValue(forKey: canonical) ?? [] { others.append((name, name, reason)) }
    }

    /// Puts another tensor in the place of one.
    mutating func replace(_ canonical: String, by tensor: Tensor) { tensors[canonical] = tensor }

    /// The layout of a file; nil where its names are of none.
    static func layout(of file: SafetensorsFile) -> TensorLayout? {
        let names = Set(
            unwrapped(file, until: { names in TensorLayout.all.contains { $0.matches(names) } }).map(\.name))
        return TensorLayout.all.first { $0.matches(names) }
    }

    /// The tensors without the prefixes of wrappers, removed one after another until the names are `known`.
    private static func unwrapped(
        _ file: SafetensorsFile, until known: (Set<String>) -> Bool
    ) -> [(name: String, source: String, tensor: StoredTensor)] {
        var renamed = file.names.map { (now: $0, old: $0) }
        var isChanging = true
        while isChanging {
            isChanging = false
            for wrapper in TensorLayout.wrappers {
                let names = Set(renamed.map(\.now))
                if known(names) { break }
                for index in renamed.indices where renamed[index].now.hasPrefix(wrapper) {
                    let inner = String(renamed[index].now.dropFirst(wrapper.count))
                    if names.contains(inner) { continue }
                    renamed[index].now = inner
                    isChanging = true
                }
            }
        }
        return renamed.compactMap { name in file[name.old].map { (name.now, name.old, $0) } }
    }

    private mutating func take(
        _ stored: StoredTensor, named name: String, as meaning: TensorLayout.Meaning
    ) throws(CheckpointError) {
        guard case .canonical(let canonical) = meaning else {
            throw fault("its tensor \(quoted(name)) has no place in an encoder of this program")
        }
        guard tensors[canonical] == nil else {
            throw fault("it holds \"\(canonical)\" twice, as \(said(canonical)) and as \(quoted(name))")
        }
        tensors[canonical] = try stored.tensor(named: name, path: path)
        sources[canonical] = [name]
    }

    /// One tensor for queries, keys and values, and three axes for tokens and positions.
    private mutating func finish() throws(CheckpointError) {
        try joinQueriesKeysAndValues()
        for name in ["cls_token", "reg_token", "pos_embed"] {
            guard let tensor = tensors[name] else { continue }
            let (shape, width) = (tensor.shape, tensor.shape.columns)
            guard shape.count <= 3, shape.dropLast().dropLast().allSatisfy({ $0 == 1 }) else {
                throw fault("its \(said(name)) has the shape \(shape); allowed is [1, rows, width]")
            }
            tensors[name] = tensor.reshaped([1, tensor.count / width, width])
        }
    }

    /// Three matrices or biases become one; a missing bias of the keys is zero.
    private mutating func joinQueriesKeysAndValues() throws(CheckpointError) {
        for name in tensors.keys.sorted() {
            for end in ["weight", "bias"] where name.hasSuffix(".attn.q.\(end)") {
                let stem = String(name.dropLast(end.count + 2))
                let parts = ["q", "k", "v"].map { "\(stem)\($0).\(end)" }
                guard let q = tensors[parts[0]] else { continue }
                let k = tensors[parts[1]] ?? (end == "bias" ? Tensor(zeros: q.shape) : nil)
                guard let k, let v = tensors[parts[2]] else {
                    throw fault("it has \(said(parts[0])) without its keys or values")
                }
                guard q.shape == k.shape, q.shape == v.shape, q.shape.rank > 0 else {
                    throw fault("the queries, keys and values beside \(said(parts[0])) have different shapes")
                }
                guard tensors["\(stem)qkv.\(end)"] == nil else {
                    throw fault("it holds \"\(stem)qkv.\(end)\" twice, whole and as \(said(parts[0]))")
                }
                var shape = q.shape
                shape[0] *= 3
                var names: [String] = []
                for part in parts {
                    tensors[part] = nil
                    names += sources.removeValue(forKey: part) ?? []
                }
                tensors["\(stem)qkv.\(end)"] = Tensor(q.array + k.array + v.array, shape)
                sources["\(stem)qkv.\(end)"] = names
            }
        }
    }
}

extension StoredTensor {
    /// The numbers as the engine holds them; throws what a weight cannot be.
    func tensor(named name: String, path: String) throws(CheckpointError) -> Tensor {
        func fault(_ reason: String) -> CheckpointError {
            CheckpointError(.invalid, path: path, "its tensor \(quoted(name)) \(reason)")
        }
        guard [.float16, .bfloat16, .float32, .float64].contains(dtype) else {
            throw fault("holds \(dtype.rawValue); weights are F16, BF16, F32 or F64")
        }
        guard shape.count <= Shape.maximalRank else {
            throw fault("has \(shape.count) axes; at most \(Shape.maximalRank) are possible")
        }
        guard count > 0 else { throw fault("is empty: its shape is \(shape)") }
        let values = floats()
        guard let place = values.firstIndex(where: { !$0.isFinite }) else { return Tensor(values, Shape(shape)) }
        throw fault(
            "has \(values[place]) at place \(place); weights are finite numbers, so what it was saved from had diverged"
        )
    }
}

/// A name of a file as errors show it: quoted, without control characters, cut where it is long.
func quoted(_ name: String) -> String { "\"\(escaped(name))\"" }

/// The same without quotes.
func escaped(_ name: String) -> String {
    let text = JSONValue(name).text().dropFirst().dropLast()
    return text.count <= 120 ? String(text) : "\(text.prefix(120))…"
}
