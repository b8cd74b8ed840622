public import Autodiff
import ImageData
import ImageMasking
import VisionTransformers

/// What is to be predicted of a batch.
public enum CAETarget: Sendable {
    /// Its own pixels.
    case pixels
    /// A token for every patch, image by image in raster order, `[B · N]`.
    case tokens([Int])
    /// A teacher's representations, `[B, N or 1 + N, C]`: class token first if there is one, then patches in raster order.
    case features(Tensor)
}

/// Where the targets of a run come from.
enum CAETargetSource: Sendable {
    case pixels
    /// The same for every batch: golden cases and tests.
    case given(CAETarget)
    case codebook(PatchCodebook, PixelTarget)
    case tokens(TokenFile)
    case encoder(Teacher)
    case features(FeatureFile)

    /// The targets of a batch.
    func target(of batch: Batch, grid: PatchGrid, engine: Engine) throws -> CAETarget {
        switch self {
        case .pixels: return .pixels
        case .given(let target): return target
        case .codebook(let codebook, let pixels):
            return .tokens(codebook.tokens(of: pixels(of: batch.images, engine: engine), engine: engine))
        case .encoder(let teacher):
            return .features(teacher.representations(of: batch.images, engine: engine))
        case .tokens(let file):
            return .tokens(try pictures(batch).flatMap { try file.tokens(of: $0.key, mirrored: $0.mirrored) })
        case .features(let file):
            let values = try pictures(batch).flatMap { try file.features(of: $0.key, mirrored: $0.mirrored) }
            return .features(Tensor(values, [batch.samples.count, file.rows, file.width]))
        }
    }

    private func pictures(_ batch: Batch) throws -> [(key: String, mirrored: Bool)] {
        guard batch.keys.count == batch.samples.count, batch.mirrored.count == batch.samples.count else {
            throw MethodError.unusableBatch(
                method: CAEOptions.name, reason: "targets from a file need the key of each picture")
        }
        return Array(zip(batch.keys, batch.mirrored)).map { ($0, $1) }
    }
}

extension CAEOptions {
    /// The source of targets, opened, and the options with the number of tokens or the teacher's width filled in.
    func opened(_ context: MethodContext) throws -> (CAEOptions, CAETargetSource) {
        var options = self
        switch targets {
        case .pixels: return (options, .pixels)
        case .tokens:
            guard let tokens else { preconditionFailure("targets \"tokens\" without a source") }
            let source: CAETargetSource
            let count: Int
            switch tokens.source {
            case .codebook:
                let side = context.encoder.patchSize
                let codebook = try PatchCodebook(
                    path: tokens.path, patchValues: context.encoder.channels * side * side)
                source = .codebook(codebook, PixelTarget(patchSize: side, isNormalized: true))
                count = codebook.count
            case .file:
                let file = try TokenFile(path: tokens.path)
                guard file.grid == context.grid else {
                    throw MethodError.unusableFile(
                        path: tokens.path,
                        reason: "its tokens lie on a grid of \(file.grid); the model's patches make \(context.grid)")
                }
                source = .tokens(file)
                count = file.vocabulary
            }
            try agree(vocabulary, count, "method.vocabulary", tokens.path, "has \(count) different tokens")
            options.vocabulary = count
            return (options, source)
        case .teacher:
            guard let teacher else { preconditionFailure("targets \"teacher\" without a source") }
            let (source, width, hasClassToken) = try opened(teacher, context)
            try agree(teacherWidth, width, "method.teacher_width", teacher.path, "has tokens of width \(width)")
            if supervise?.contains(.classToken) == true && !hasClassToken {
                throw MethodError.unusableFile(
                    path: teacher.path,
                    reason: "has no class token; remove \"cls\" from method.supervise")
            }
            options.teacherWidth = width
            return (options, source)
        }
    }

    private func opened(
        _ teacher: TeacherSource, _ context: MethodContext
    ) throws -> (source: CAETargetSource, width: Int, hasClassToken: Bool) {
        switch teacher.source {
        case .encoder:
            var named = TeacherOptions()
            named.path = teacher.path
            let opened = try Teacher(named, context)
            let options = opened.encoder.options
            return (.encoder(opened), options.width, options.classToken)
        case .file:
            let file = try FeatureFile(path: teacher.path, grid: context.grid)
            return (.features(file), file.width, file.rows > context.grid.count)
        }
    }

    private func agree(_ given: Int?, _ found: Int, _ key: String, _ path: String, _ what: String) throws {
        guard let given, given != found else { return }
        throw MethodError.unusableFile(
            path: path, reason: "\(what); \(key) is \(given), so remove it or set it to \(found)")
    }
}

extension CAE {
    /// The tokens of hidden patches, image by image, of those of all patches.
    func hiddenTokens(_ tokens: [Int], _ mask: PatchMask) -> [Int] {
        (0..<mask.imageCount).flatMap { image in
            mask.hidden(image).map { tokens[image * mask.grid.count + Int($0)] }
        }
    }

    /// The share of rows of scores whose highest is their label's.
    func accuracy(of scores: Tensor, _ labels: [Int]) -> Double {
        let columns = scores.shape.columns
        return scores.withUnsafeBuffer { scores in
            let right = labels.indices.count { row in
                let places = row * columns..<(row + 1) * columns
                return places.max { scores[$0] < scores[$1] } == row * columns + labels[row]
            }
            return Double(right) / Double(labels.count)
        }
    }
}
