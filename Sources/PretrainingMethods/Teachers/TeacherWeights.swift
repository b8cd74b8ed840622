public import Autodiff
import Checkpoints
import ImageMasking
import RandomStreams
import VisionTransformers

/// The weights of a frozen vision transformer under canonical names: timm's, with a row for the class token in front of
/// `pos_embed` `[1, 1 + N, D]` and registers `[1, R, D]` as `reg_token`.
public struct TeacherWeights: Sendable {
    /// The tensors.
    public private(set) var tensors: [String: Tensor]
    /// Where they come from, for errors.
    let path: String

    /// Tensors that have canonical names already; `patches` is the number that the teacher will see.
    ///
    /// Throws where the position table has the rows of no grid.
    public init(canonical tensors: [String: Tensor], patches: Int, path: String = "") throws {
        self.tensors = tensors
        self.path = path
        try arrangePositions(patches: patches)
    }

    /// The tensors of a file, renamed by the rules of a layout; `patches` is the number that the teacher will see.
    init(_ file: SafetensorsFile, names: TeacherNames, patches: Int, path: String) throws {
        tensors = [:]
        self.path = path
        for (name, stored) in Self.unwrapped(file, until: { names.matches($0) }) {
            let canonical: String?
            do throws(TeacherNames.UnknownTensor) {
                canonical = try names.canonical(name)
            } catch {
                throw fault(
                    "its tensor \"\(error.name)\" has no place in a vision transformer as layout "
                        + "\"\(names.layout.rawValue)\" names it, so the file cannot be used")
            }
            guard let canonical else { continue }
            guard tensors[canonical] == nil else { throw fault("it holds \"\(canonical)\" twice, once as \"\(name)\"") }
            tensors[canonical] = Tensor(stored.floats(), Shape(stored.shape))
        }
        try joinQueriesKeysAndValues()
        try arrangePositions(patches: patches)
    }

    func fault(_ reason: String) -> MethodError { .unusableFile(path: path, reason: reason) }

    /// The layout of a file; nil where its names are of none.
    static func names(of file: SafetensorsFile) -> TeacherNames? {
        let names = Set(
            unwrapped(file, until: { names in TeacherNames.all.contains { $0.matches(names) } }).map(\.name))
        return TeacherNames.all.first { $0.matches(names) }
    }

    /// The tensors without the prefixes of wrappers, removed one after another until the names are `known`.
    private static func unwrapped(
        _ file: SafetensorsFile, until known: (Set<String>) -> Bool
    ) -> [(name: String, tensor: StoredTensor)] {
        var renamed = file.names.map { (now: $0, old: $0) }
        var isChanging = true
        while isChanging {
            isChanging = false
            for wrapper in TeacherNames.wrappers {
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
        return renamed.compactMap { name in file[name.old].map { (name.now, $0) } }
    }

    /// Three matrices or biases become one; a missing bias of the keys is zero.
    private mutating func joinQueriesKeysAndValues() throws {
        for name in tensors.keys.sorted() {
            for end in ["weight", "bias"] where name.hasSuffix(".attn.q.\(end)") {
                let stem = String(name.dropLast(end.count + 2))
                guard let q = tensors.removeValue(forKey: name), let v = tensors.removeValue(forKey: "\(stem)v.\(end)")
                else { throw fault("it lacks \"\(stem)v.\(end)\"") }
                var k = tensors.removeValue(forKey: "\(stem)k.\(end)")
                if k == nil && end == "bias" { k = Tensor(zeros: q.shape) }
                guard let k, q.shape == k.shape, q.shape == v.shape, q.shape.rank > 0 else {
                    throw fault("the queries, keys and values of \"\(stem)\(end)\" have different shapes")
                }
                var shape = q.shape
                shape[0] *= 3
                tensors["\(stem)qkv.\(end)"] = Tensor(q.array + k.array + v.array, shape)
            }
        }
    }

    /// Gives tokens and positions three axes, and `pos_embed` one row for the class token, there or not, and one a patch: files
    /// may lack the first, or have rows of registers between, which are added to the registers.
    private mutating func arrangePositions(patches: Int) throws {
        for name in ["cls_token", "reg_token", "pos_embed"] {
            guard let tensor = tensors[name] else { continue }
            let width = tensor.shape.columns
            guard width > 0 else { throw fault("its \"\(name)\" is empty") }
            tensors[name] = tensor.reshaped([1, tensor.count / width, width])
        }
        guard let table = tensors["pos_embed"] else { throw fault("it has no position table") }
        let (rows, width) = (table.shape[1], table.shape[2])
        let registers = tensors["reg_token"]?.shape[1] ?? 0
        let hasClass = tensors["cls_token"] != nil
        func isSquare(_ count: Int) -> Bool { Self.side(count) != nil }
        if hasClass && (isSquare(rows - 1) || (registers == 0 && rows - 1 == patches)) { return }
        if isSquare(rows) || rows == patches {
            tensors["pos_embed"] = Tensor([Float](repeating: 0, count: width) + table.array, [1, rows + 1, width])
            return
        }
        let inner = rows - 1 - registers
        if hasClass, registers > 0, isSquare(inner) || inner == patches, let tokens = tensors["reg_token"] {
            let values = table.array
            let end = (1 + registers) * width
            let sums = zip(tokens.array, values[width..<end]).map { $0 + $1 }
            tensors["reg_token"] = Tensor(sums, tokens.shape)
            tensors["pos_embed"] = Tensor(Array(values[..<width]) + values[end...], [1, 1 + inner, width])
            return
        }
        if rows - 1 == patches || isSquare(rows - 1) { return }
        throw fault(
            "its position table has \(rows) rows, which are neither a square of patches nor the \(patches) patches of the "
                + "recipe")
    }

    /// The side of a square number of patches.
    static func side(_ count: Int) -> Int? {
        guard count > 0 else { return nil }
        let side = Int(Double(count).squareRoot().rounded())
        return side * side == count ? side : nil
    }
}

extension TeacherWeights {
    /// What no tensor says.
    public struct Traits: Sendable {
        /// Attention heads; nil: one for 64 channels.
        public var heads: Int?
        /// The activation of perceptrons.
        public var activation: TeacherActivation
        /// The ε of norms.
        public var epsilon: Double

        /// Traits of an encoder.
        public init(heads: Int?, activation: TeacherActivation, epsilon: Double) {
            self.heads = heads
            self.activation = activation
            self.epsilon = epsilon
        }
    }

    /// The encoder, for a grid: depth, widths, patch size and all parts are read off the tensors.
    func encoder(_ traits: Traits, on grid: PatchGrid) throws -> (encoder: Encoder, parameters: ParameterStore) {
        let options = try encoderOptions(traits)
        var own = EncoderTraits()
        own.hasFinalNorm = false
        own.epsilon = Float(traits.epsilon)
        own.activation = traits.activation.activation
        own.hasPatchBias = tensors["patch_embed.proj.bias"] != nil
        own.hasInputNorm = tensors["norm_pre.weight"] != nil
        own.registers = tensors["reg_token"]?.shape[1] ?? 0
        var store = ParameterStore()
        let encoder = Encoder(options, grid: grid, traits: own, adding: &store, random: RandomStream(seed: 0))
        // Outputs of blocks are taken before the final norm.
        var used: Set<String> = ["norm.weight", "norm.bias"]
        for id in store.ids {
            let entry = store.entry(id)
            let stored = encoder.imported(entry.name) { name in
                used.insert(name)
                return tensors[name]
            }
            guard let stored else { throw fault("it lacks the tensor of \"\(entry.name)\"") }
            let isTable = entry.name == "pos_embed"
            let value = try isTable ? positions(on: grid, hasClass: options.classToken) : stored
            guard value.shape == entry.shape else {
                throw fault("its \"\(entry.name)\" has the shape \(value.shape), and \(entry.shape) is needed")
            }
            store.setValue(value, for: id)
        }
        if let name = tensors.keys.sorted().first(where: { !used.contains($0) }) {
            throw fault("its tensor \"\(name)\" has no place in an encoder like that of its first block")
        }
        return (encoder, store)
    }

    private func encoderOptions(_ traits: Traits) throws -> EncoderOptions {
        guard let patch = tensors["patch_embed.proj.weight"]?.shape, patch.rank == 4, patch[2] == patch[3] else {
            throw fault("it has no \"patch_embed.proj.weight\" of square patches")
        }
        let numbers = tensors.keys.compactMap { name in
            name.hasPrefix("blocks.") ? name.split(separator: ".").dropFirst().first.flatMap { Int($0) } : nil
        }
        guard let last = numbers.max(), let perceptron = tensors["blocks.0.mlp.fc1.weight"]?.shape else {
            throw fault("it has no blocks")
        }
        var options = EncoderOptions()
        options.width = patch[0]
        options.channels = patch[1]
        options.patchSize = patch[2]
        options.depth = last + 1
        guard traits.heads != nil || options.width % 64 == 0 else {
            throw fault("its width \(options.width) is no multiple of 64; set method.teacher.heads")
        }
        options.heads = traits.heads ?? options.width / 64
        guard options.width % options.heads == 0 else {
            throw fault("method.teacher.heads \(options.heads) does not divide its width \(options.width)")
        }
        let hidden = perceptron[0]
        options.mlpRatio = Double(hidden) / Double(options.width)
        // The quotient may be a bit too small for its product with the width to reach the whole number.
        if options.hiddenWidth < hidden { options.mlpRatio = options.mlpRatio.nextUp }
        options.position = .learned
        options.classToken = tensors["cls_token"] != nil
        options.qkvBias = tensors["blocks.0.attn.qkv.bias"] == nil ? .none : .all
        options.layerScale = tensors["blocks.0.ls1.gamma"] == nil ? nil : 1
        return options
    }

    /// The position table for a grid: a square number of patches is a square and is resized, another number must fit.
    private func positions(on grid: PatchGrid, hasClass: Bool) throws -> Tensor {
        guard let table = tensors["pos_embed"] else { throw fault("it has no position table") }
        let (patches, width) = (table.shape[1] - 1, table.shape[2])
        var values = table.array
        if let side = Self.side(patches) {
            let old = PatchGrid(rows: side, columns: side)
            if old != grid { values = PositionTable.resized(values, width: width, from: old, to: grid, prefix: 1) }
        } else if patches != grid.count {
            throw fault(
                "it has positions for \(patches) patches, which are no square and not the grid of \(grid) of the recipe"
            )
        }
        return hasClass
            ? Tensor(values, [1, 1 + grid.count, width]) : Tensor(Array(values[width...]), [1, grid.count, width])
    }
}
