import Autodiff
import Checkpoints
import Evaluation
import ImageData
import ImageMasking
import RandomStreams
import RecipeSchema
import TestSupport
import Testing
import VisionTransformers

/// Patch tokens as files: what is in them, and what is left where writing fails.
struct PatchTokenFileTests {
    private struct Pictures: ImageSource {
        var count = 5
        var unreadable: Set<Int> = [2]
        var labelNames: [String]? { ["dark", "bright"] }
        var fingerprint: String { "pictures" }
        func label(_ index: Int) -> Int? { index % 2 }
        func key(_ index: Int) -> String { "picture \(index)" }
        func image(_ index: Int) throws(ImageError) -> DecodedImage {
            if unreadable.contains(index) {
                throw ImageError(
                    .corrupt, path: "", member: key(index), String(repeating: "very ", count: 20_000) + "bad")
            }
            return DecodedImage(
                height: 8, width: 12, channels: 1, samples: .uint8((0..<96).map { UInt8(($0 * 5 + index * 31) % 251) }))
        }
    }

    private static let transform = EvaluationTransform(
        shape: (1, 8, 12), normalization: Normalization(mean: [0.5], deviation: [0.25]))

    private func encoder() -> (Encoder, ParameterStore) {
        var options = EncoderOptions()
        options.patchSize = 4
        options.width = 8
        options.depth = 2
        options.heads = 2
        options.channels = 1
        var store = ParameterStore()
        let encoder = Encoder(
            options, grid: PatchGrid(rows: 2, columns: 3), adding: &store, random: RandomStream(seed: 1))
        return (encoder, store)
    }

    private func features(layer: Int? = nil) throws -> PatchFeatures {
        let (encoder, store) = encoder()
        return try PatchFeatures(.init(encoder, store, Self.transform), layer: layer, engine: Samples.engine)
    }

    private func write(
        _ form: PatchTokenFile.Form, _ precision: PatchTokenFile.Precision, _ source: Pictures = Pictures()
    ) throws -> (bytes: [UInt8], written: PatchTokenFile.Written, folder: TestSupport.TemporaryFolder) {
        let folder = try TestSupport.TemporaryFolder()
        let file = PatchTokenFile(
            try features(), of: source, as: form, precision, metadata: ["format": "palimpsest-features"])
        let output = try OutputFile("\(folder.path)/tokens", .unmarked)
        let written = try file.write(to: output, policy: .skip)
        let bytes = try folder.read("tokens")
        #expect(Double(bytes.count) <= file.bytes && file.bytes < Double(bytes.count) + 40_000)
        #expect(try folder.names() == ["tokens"])
        return (bytes, written, folder)
    }

    @Test func aFileHasTheTokensOfReadablePictures() throws {
        let (bytes, written, _) = try write(.safetensors, .float32)
        #expect(written.count == 4 && written.skipped.map(\.sample) == [2])
        let file = try Safetensors.read(bytes)
        let tokens = try #require(file["tokens"])
        #expect(tokens.shape == [4, 2, 3, 8] && tokens.dtype == .float32)
        #expect(file["labels"]?.integers() == [0, 1, 1, 0])
        #expect(file.metadata["keys"] == #"["picture 0", "picture 1", "picture 3", "picture 4"]"#)
        #expect(file.metadata["class_names"] == #"["dark", "bright"]"#)
        #expect(file.metadata["tokens"] == "patch" && file.metadata["format"] == "palimpsest-features")
        #expect(file.metadata["skipped_count"] == "1", "the message does not fit, the number does")
        // Their means are the features of pictures.
        let (encoder, store) = encoder()
        let table = try FeatureExtractor(encoder, store, engine: Samples.engine).table(
            of: Pictures(), Self.transform, requiresLabels: false, policy: .skip)
        let values = tokens.floats()
        for row in 0..<4 {
            for i in 0..<8 {
                let mean = (0..<6).reduce(Float(0)) { $0 + values[(row * 6 + $1) * 8 + i] } / 6
                #expect(abs(mean - table.features[row * 8 + i]) < 1e-5)
            }
        }
    }

    @Test func halfPrecisionIsTheNearest() throws {
        let whole = try #require(try Safetensors.read(try write(.safetensors, .float32).bytes)["tokens"]).floats()
        let half = try #require(try Safetensors.read(try write(.safetensors, .float16).bytes)["tokens"])
        #expect(half.dtype == .float16 && half.shape == [4, 2, 3, 8])
        for (a, b) in zip(whole, half.floats()) { #expect(abs(a - b) <= abs(a) * 0x1p-11 + 0x1p-25) }
    }

    @Test func numPyFilesSayTheirShape() throws {
        let (bytes, _, _) = try write(.npy, .float16)
        #expect(bytes.prefix(8) == [0x93] + Array("NUMPY".utf8)[...] + [1, 0])
        #expect(Int(bytes[8]) + 256 * Int(bytes[9]) == 118 && bytes[127] == 10)
        let header = String(decoding: bytes[10..<127], as: UTF8.self)
        #expect(header.hasPrefix("{'descr': '<f2', 'fortran_order': False, 'shape': (4, 2, 3, 8), }"))
        #expect(bytes.count == 128 + 4 * 6 * 8 * 2)
        let tokens = try #require(try Safetensors.read(try write(.safetensors, .float16).bytes)["tokens"])
        #expect(Array(bytes[128...]) == tokens.bytes)
    }

    @Test func whatFailsLeavesNothing() throws {
        let folder = try TestSupport.TemporaryFolder()
        let output = try OutputFile("\(folder.path)/tokens", .unmarked)
        let file = PatchTokenFile(try features(), of: Pictures(), as: .safetensors, .float32, metadata: [:])
        struct Stop: Error {}
        #expect(throws: Stop.self) { try file.write(to: output, policy: .skip) { _ in throw Stop() } }
        #expect(throws: ImageError.self) { try file.write(to: output, policy: .strict) }
        #expect(try folder.names().isEmpty)
        #expect(throws: EvaluationError.self) { try features(layer: 3) }
    }

    @Test func aFileThatFindsNoRoomIsRefused() throws {
        let folder = try TestSupport.TemporaryFolder()
        let output = try OutputFile("\(folder.path)/tokens", .unmarked)
        let error = #expect(throws: CheckpointError.self) {
            try output.requireRoom(1e30) { $0 == 1e30 ? "very much" : "less" }
        }
        #expect(error?.description.contains("takes very much, and its disk has less left") == true)
        #expect(throws: CheckpointError.self) {
            try OutputFile("/dev/null", .unmarked).requireRoom(1) { _ in "" }
        }
    }
}
