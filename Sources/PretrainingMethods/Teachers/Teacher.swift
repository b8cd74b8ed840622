public import Autodiff
import Checkpoints
public import EncoderFiles
public import ImageData
import ImageMasking
public import VisionTransformers

/// A frozen encoder on the grid of the student, whose tokens are learnt from.
public struct Teacher: Sendable {
    /// The encoder; the outputs of its blocks are used, before any final norm.
    public let encoder: Encoder
    /// Its weights.
    public let parameters: ParameterStore
    /// As the recipe names it.
    package let path: String
    /// SHA-256 over names, shapes and bits of the weights, positions as they are used.
    package let digest: String
    /// What became of each tensor of its file.
    let account: EncoderAccount
    private let input: TeacherInput

    /// What it makes of a batch.
    public struct View: Sendable {
        /// The images as it saw them.
        public var input: Tensor
        /// The outputs of all blocks without registers, `[B, 1 + L, D]`; `[B, L, D]` where there is no class token.
        public var layers: [Tensor]
        /// How much each patch matters, `[B · L]`, if it was asked for.
        public var importance: [Float]?
    }

    /// The teacher of a recipe, read from its file.
    package init(_ options: TeacherOptions, _ context: MethodContext) throws {
        let file: EncoderFile
        let loaded: LoadedEncoder
        do throws(CheckpointError) {
            file = try EncoderFile(path: options.path)
            loaded = try file.load(on: context.grid, options.reading)
        } catch {
            throw MethodError.unusableFile(path: error.path, reason: error.reason)
        }
        var statistics = loaded.statistics
        if let mean = options.mean, let deviation = options.deviation { statistics = (mean, deviation) }
        try self.init(
            loaded, normalization: statistics.map { Normalization(mean: $0.mean, deviation: $0.deviation) },
            path: options.path, context)
    }

    /// A teacher that has been read for the grid of `context`; `normalization` nil: it takes images as the student does.
    public init(
        _ loaded: LoadedEncoder, normalization: Normalization?, path: String, _ context: MethodContext
    ) throws {
        let (encoder, parameters) = (loaded.encoder, loaded.parameters)
        account = loaded.account
        let channels = encoder.options.channels
        func fault(_ reason: String) -> MethodError { .unusableFile(path: path, reason: reason) }
        guard channels == context.encoder.channels else {
            throw fault("it sees \(channels) channels, and model.channels is \(context.encoder.channels)")
        }
        let student = Normalization(mean: context.mean, deviation: context.deviation)
        for (whose, constants) in [("its", normalization), ("this recipe's", student)] {
            for count in [constants?.mean.count, constants?.deviation.count].compactMap({ $0 })
            where count != 1 && count != channels {
                throw fault("\(whose) mean and std have \(count) numbers for \(channels) channels")
            }
        }
        self.encoder = encoder
        self.parameters = parameters
        self.path = path
        input = TeacherInput(
            height: context.grid.rows * encoder.options.patchSize,
            width: context.grid.columns * encoder.options.patchSize, from: student, to: normalization)
        digest = parameters.digest
    }

    /// What was taken of its file, for a log.
    package var note: String { "teacher \(path): \(account.sentence)" }

    /// The position table as it is used, `[1, 1 + L, D]`; without the first row where there is no class token.
    var positions: Tensor {
        let table = encoder.positionTable(parameters)
        return table.reshaped([1, table.shape[0], table.shape[1]])
    }

    /// Whole images, normalised for the student, as the teacher sees them.
    public func view(of images: Tensor, wantsImportance: Bool, engine: Engine) -> View {
        let input = input(images, engine: engine)
        var tape = Tape(engine: engine, recording: false)
        let output = encoder(
            input, parameters, keeping: wantsImportance ? [.layers, .lastAttention] : .layers, on: &tape)
        let layers = output.layers.map { withoutRegisters($0, on: &tape) }
        return View(input: input, layers: layers, importance: output.attention.last.map(importance))
    }

    /// Its representations of whole images: tokens after the final norm, without registers, as in `View.layers`.
    package func representations(of images: Tensor, engine: Engine) -> Tensor {
        var tape = Tape(engine: engine, recording: false)
        let output = encoder(input(images, engine: engine), parameters, on: &tape)
        return withoutRegisters(output.normed, on: &tape)
    }

    private func withoutRegisters(_ tokens: Variable, on tape: inout Tape) -> Tensor {
        let prefix = encoder.prefix
        let classRows = encoder.options.classToken ? 1 : 0
        if prefix == classRows { return tokens.value }
        let patches = tape.sliceRows(tokens, prefix..<tokens.shape[1])
        return classRows == 0 ? patches.value : tape.concatRows([tape.sliceRows(tokens, 0..<1), patches]).value
    }

    /// From the attention of the last block `[B, heads, T, T]`: the class token's to each patch, mean over the heads; without a
    /// class token the mean over heads and patches of what each patch receives. `[B · L]`
    private func importance(_ attention: Tensor) -> [Float] {
        let (images, heads, tokens) = (attention.shape[0], attention.shape[1], attention.shape[2])
        let first = encoder.prefix
        let queries = encoder.options.classToken ? 0..<1 : first..<tokens
        let patches = tokens - first
        return attention.withUnsafeBuffer { values in
            var result: [Float] = []
            result.reserveCapacity(images * patches)
            for image in 0..<images {
                var sums = [Double](repeating: 0, count: patches)
                for head in 0..<heads {
                    for query in queries {
                        let start = ((image * heads + head) * tokens + query) * tokens + first
                        for patch in 0..<patches { sums[patch] += Double(values[start + patch]) }
                    }
                }
                let share = 1 / Double(heads * queries.count)
                result += sums.map { Float($0 * share) }
            }
            return result
        }
    }
}

/// Images normalised for the student, as a teacher wants them: resized first, then normalised anew.
public struct TeacherInput: Sendable {
    private let height: Int
    private let width: Int
    private let change: (from: Normalization, to: Normalization)?

    /// For images of a size; nothing is normalised anew where the teacher names no statistics, or the same.
    public init(height: Int, width: Int, from student: Normalization, to teacher: Normalization?) {
        self.height = height
        self.width = width
        change = teacher.flatMap { teacher in
            teacher.mean == student.mean && teacher.deviation == student.deviation ? nil : (student, teacher)
        }
    }

    /// `[B, C, H, W]` at the teacher's size: bicubic with a = −0.75, no antialiasing, nothing clamped.
    public func callAsFunction(_ images: Tensor, engine: Engine) -> Tensor {
        normalized(resized(images, engine))
    }

    private func resized(_ images: Tensor, _ engine: Engine) -> Tensor {
        let (oldHeight, oldWidth) = (images.shape[2], images.shape[3])
        var tape = Tape(engine: engine, recording: false)
        var x = tape.constant(images)
        if oldWidth != width {
            x = tape.linearFilter(x, matrix: ResizeMatrix.matrix(from: oldWidth, to: width), along: .last)
        }
        if oldHeight != height {
            x = tape.linearFilter(x, matrix: ResizeMatrix.matrix(from: oldHeight, to: height), along: .secondToLast)
        }
        return x.value
    }

    private func normalized(_ images: Tensor) -> Tensor {
        guard let change else { return images }
        let (channels, pixels) = (images.shape[1], images.shape[2] * images.shape[3])
        func value(_ numbers: [Double], _ channel: Int) -> Double { numbers.count == 1 ? numbers[0] : numbers[channel] }
        var result = images
        result.withUnsafeMutableBuffer { values in
            for plane in 0..<images.shape[0] * channels {
                let channel = plane % channels
                let scale = value(change.from.deviation, channel) / value(change.to.deviation, channel)
                let shift =
                    (value(change.from.mean, channel) - value(change.to.mean, channel))
                    / value(change.to.deviation, channel)
                for index in plane * pixels..<(plane + 1) * pixels {
                    values[index] = Float(Double(values[index]) * scale + shift)
                }
            }
        }
        return result
    }
}
