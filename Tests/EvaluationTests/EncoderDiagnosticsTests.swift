import Autodiff
import Evaluation
import Foundation
import ImageData
import ImageMasking
import RandomStreams
import Testing
import VisionTransformers

struct EncoderDiagnosticsTests {
    private func encoder(depth: Int = 2) -> (Encoder, ParameterStore) {
        var options = EncoderOptions()
        options.patchSize = 4
        options.width = 16
        options.depth = depth
        options.heads = 2
        var store = ParameterStore()
        let encoder = Encoder(
            options, grid: PatchGrid(rows: 4, columns: 4), adding: &store, random: RandomStream(seed: 1))
        return (encoder, store)
    }

    private let transform = EvaluationTransform(
        shape: (3, 16, 16),
        normalization: Normalization(mean: [0.5, 0.5, 0.5], deviation: [0.25, 0.25, 0.25]))

    private func source(_ count: Int) throws -> any ImageSource {
        ProceduralSource(part: .train, count: count, size: 16)
    }

    @Test func everyBlockHasItsFigures() throws {
        let (encoder, store) = encoder()
        let engine = try Engine(threads: 2)
        let found = try EncoderDiagnostics(encoder, store, of: source(40), transform, count: 24, engine: engine)
        #expect(found.pictures == 24 && found.attentionPictures == 24 && found.blocks.map(\.block) == [1, 2])
        #expect(abs(found.uniformEntropy - log(17)) < 1e-12)
        for block in found.blocks {
            #expect(
                block.attentionDistance.count == 2
                    && block.attentionEntropy.allSatisfy { $0 > 0 && $0 <= found.uniformEntropy })
            #expect(block.top3[0] >= block.top3[1] && block.top3[1] >= block.top3[2] && block.maxToMedian > 1)
            #expect((0...1).contains(block.positiveShare) && (0...1).contains(block.deadUnitShare))
            #expect(block.rankMe >= 1 && block.rankMe <= 16.1)
        }
        // The figures are means over pictures and tokens: how they are cut into batches changes nothing but rounding.
        let images = try EvaluationLoader(
            source: source(24), transform: transform, batchSize: 24, threads: 0, requiresLabels: false
        ).next()
        let batch = try #require(images)
        var tape = Tape(engine: engine, recording: false)
        let run = encoder(
            Tensor(batch.images, Shape(batch.shape)), store, keeping: [.layers, .hidden, .attention], on: &tape)
        let output = run.layers[1].value
        let massive = MassiveActivations(output.array.map { Double($0) }, pictures: 24, tokens: 17, width: 16)
        #expect(abs(massive.maxToMedian - found.blocks[1].maxToMedian) < 1e-6 * massive.maxToMedian)
        let sparsity = ActivationSparsity(run.hidden[1].array.map { Double($0) }, tokens: 24 * 17, units: 64)
        #expect(abs(sparsity.positiveShare - found.blocks[1].positiveShare) < 1e-9)
        #expect(sparsity.deadUnitShare == found.blocks[1].deadUnitShare)
        #expect(abs(sparsity.participation - found.blocks[1].participation) < 1e-9)
        let map = run.attention[1].array.map { Double($0) }
        var first: [Double] = []
        for picture in 0..<24 {
            let start = picture * 2 * 289
            first += map[start..<start + 289]
        }
        let geometry = AttentionMaps.Geometry(rows: 4, columns: 4, patchSize: 4, prefix: 1)
        #expect(abs(AttentionMaps.distance(first, geometry) - found.blocks[1].attentionDistance[0]) < 1e-9)
    }

    @Test func threadsChangeNothing() throws {
        let (encoder, store) = encoder(depth: 1)
        func ranks(_ threads: Int) throws -> [Double] {
            let found = try EncoderDiagnostics(
                encoder, store, of: source(20), transform, count: 20, engine: Engine(threads: threads))
            return found.blocks.flatMap { [$0.rankMe, $0.maxToMedian] + $0.attentionEntropy }
        }
        #expect(try ranks(1) == ranks(2))
    }

    @Test func uniformAttentionHasTheUniformDistance() {
        let geometry = AttentionMaps.Geometry(rows: 3, columns: 5, patchSize: 2, prefix: 1)
        let uniform = [Double](repeating: 1.0 / 16, count: 256)
        #expect(abs(AttentionMaps.distance(uniform, geometry) - geometry.uniformDistance) < 1e-12)
    }

    @Test func whatCannotBeJudgedIsASentence() throws {
        var (encoder, store) = encoder(depth: 1)
        let engine = try Engine(threads: 1)
        #expect(throws: EvaluationError.self) {
            _ = try EncoderDiagnostics(encoder, store, of: source(1), transform, count: 2, engine: engine)
        }
        let id = try #require(store.id(named: "blocks.0.attn.qkv.weight"))
        store.setValue(Tensor([Float](repeating: .nan, count: 48 * 16), [48, 16]), for: id)
        let error = try #require(throws: EvaluationError.self) {
            _ = try EncoderDiagnostics(encoder, store, of: source(4), transform, count: 4, engine: engine)
        }
        #expect("\(error)".contains("block 1 is not finite"))
    }
}
