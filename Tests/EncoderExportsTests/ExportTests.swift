import Autodiff
import Checkpoints
import EncoderExports
import EncoderFiles
import ImageMasking
import RandomStreams
import RecipeSchema
import TestSupport
import Testing
import VisionTransformers

/// What leaves for other programs: read back, or run, it is the same encoder.
struct ExportTests {
    private static let grid = PatchGrid(rows: 2, columns: 3)

    /// Encoders of every kind that some format takes.
    enum Kind: String, CaseIterable {
        case plain, withoutClassToken, learnedPositions, registers, layerScale, keylessBias, noBias, relativePositions
        case sharedRelativePositions, quickGELU, inputNorm
    }

    private func export(_ kind: Kind) -> EncoderExport {
        var options = EncoderOptions()
        options.patchSize = 2
        options.channels = 2
        options.width = 8
        options.depth = 2
        options.heads = 2
        var traits = EncoderTraits()
        switch kind {
        case .plain: break
        case .withoutClassToken: options.classToken = false
        case .learnedPositions: options.position = .learned
        case .registers: traits.registers = 2
        case .layerScale: options.layerScale = 0.5
        case .keylessBias: options.qkvBias = .noKey
        case .noBias: options.qkvBias = .none
        case .relativePositions: options.relativePositionBias = .perBlock
        case .sharedRelativePositions: options.relativePositionBias = .shared
        case .quickGELU: traits.activation = .quickGELU
        case .inputNorm:
            traits.hasInputNorm = true
            traits.hasPatchBias = false
        }
        var store = ParameterStore()
        let encoder = Encoder(options, grid: Self.grid, traits: traits, adding: &store, random: RandomStream(seed: 1))
        // No value that a wrong place could hide behind.
        var random = RandomStream(seed: 2)
        for id in store.ids {
            let shape = store.entry(id).shape
            let values = (0..<shape.elementCount).map { _ in Float(random.normal()) * 0.3 + 0.2 }
            store.setValue(Tensor(values, shape), for: id)
        }
        return EncoderExport(encoder, store, mean: [0.4], deviation: [0.2])
    }

    private func images() -> Tensor {
        var random = RandomStream(seed: 3)
        return Tensor((0..<3 * 2 * 4 * 6).map { _ in Float(random.normal()) }, [3, 2, 4, 6])
    }

    private func features(_ encoder: Encoder, _ store: ParameterStore) throws -> (tokens: [Float], mean: [Float]) {
        var tape = Tape(engine: try Engine(threads: 1), recording: false)
        let normed = encoder(images(), store, on: &tape).normed
        return (normed.value.array, tape.meanRows(normed, from: encoder.prefix).value.array)
    }

    private func expectEqual(_ a: [Float], _ b: [Float], _ what: String, within bound: Float = 1e-5) {
        #expect(a.count == b.count, "\(what)")
        let size = b.reduce(Float(1e-3)) { max($0, abs($1)) }
        let worst = zip(a, b).reduce(Float(0)) { max($0, abs($1.0 - $1.1)) }
        #expect(worst <= bound * size, "\(what): \(worst) of \(size)")
    }

    @Test(arguments: Kind.allCases) func anONNXFileComputesWhatTheEncoderDoes(kind: Kind) throws {
        let export = export(kind)
        #expect(ExportFormat.onnx.obstacles(export).isEmpty)
        let file = try #require(ExportFormat.onnx.files(export).first)
        let runner = try ONNXRunner(file.bytes)
        #expect(file.name == "encoder.onnx" && runner.opset == 17 && runner.version == 8)
        #expect(runner.outputNames == ["patch_tokens", "mean"] + (export.encoder.options.classToken ? ["cls"] : []))
        let wanted = try features(export.encoder, export.parameters)
        let (tokens, prefix) = (export.encoder.prefix + 6, export.encoder.prefix)
        // One picture, and three at once.
        for count in [1, 3] {
            let given = ONNXRunner.Value(
                shape: [count, 2, 4, 6], numbers: images().array.prefix(count * 48).map(Double.init))
            let made = try runner.run(["images": given])
            func values(_ name: String) throws -> [Float] { try #require(made[name]).numbers.map { Float($0) } }
            expectEqual(try values("mean"), Array(wanted.mean.prefix(count * 8)), "mean")
            func rows(_ range: Range<Int>) -> [Float] {
                var rows: [Float] = []
                for image in 0..<count {
                    let start = image * tokens
                    let (low, high) = (8 * (start + range.lowerBound), 8 * (start + range.upperBound))
                    rows += wanted.tokens[low..<high]
                }
                return rows
            }
            expectEqual(try values("patch_tokens"), rows(prefix..<tokens), "patch tokens")
            if export.encoder.options.classToken { expectEqual(try values("cls"), rows(0..<1), "class token") }
        }
    }

    /// The folders that timm and transformers read are read back by this program, which knows their layouts.
    @Test(arguments: Kind.allCases) func foldersReadBackAreTheSameEncoder(kind: Kind) throws {
        let export = export(kind)
        for format in [ExportFormat.timm, .huggingFace] {
            guard format.obstacles(export).isEmpty else { continue }
            let home = try TemporaryFolder()
            for file in format.files(export) { try home.write(file.bytes, file.name) }
            var reading = EncoderReading()
            if format == .timm { reading.heads = 2 }
            let loaded = try EncoderFile(path: home.path).load(on: Self.grid, reading)
            #expect(loaded.encoder.options.heads == 2 && loaded.statisticsBeside?.mean == [0.4, 0.4])
            let (made, wanted) = (
                try features(loaded.encoder, loaded.parameters), try features(export.encoder, export.parameters)
            )
            expectEqual(made.mean, wanted.mean, "\(format)")
            expectEqual(made.tokens, wanted.tokens, "\(format)")
        }
    }

    @Test func whatAFormatHasNoPlaceForIsRefusedWithTheReason() {
        func refused(_ format: ExportFormat) -> Set<Kind> {
            Set(Kind.allCases.filter { !format.obstacles(export($0)).isEmpty })
        }
        #expect(refused(.onnx).isEmpty)
        #expect(refused(.timm) == [.relativePositions, .sharedRelativePositions, .quickGELU, .inputNorm])
        #expect(
            refused(.huggingFace) == [
                .registers, .layerScale, .relativePositions, .sharedRelativePositions, .inputNorm,
            ])
        #expect(ExportFormat.huggingFace.obstacles(export(.layerScale)).first?.contains("layer scale") == true)
        #expect(ExportFormat.huggingFace.obstacles(export(.registers)).first?.contains("2 register tokens") == true)
    }

    @Test func configurationsSayWhatTheOtherProgramMustKnow() throws {
        func config(_ format: ExportFormat, _ kind: Kind) throws -> JSONValue {
            let file = try #require(format.files(export(kind)).first { $0.name == "config.json" })
            return try JSONParser.parse(file.bytes)
        }
        let timm = try config(.timm, .registers)
        #expect(timm["model_args"]?["reg_tokens"]?.int == 2 && timm["model_args"]?["fc_norm"]?.bool == false)
        #expect(timm["pretrained_cfg"]?["input_size"]?.array?.compactMap(\.int) == [2, 4, 6])
        let vit = try config(.huggingFace, .plain)
        #expect(vit["model_type"]?.string == "vit" && vit["layer_norm_eps"]?.double == 1e-6)
        #expect(vit["image_size"]?.array?.compactMap(\.int) == [4, 6] && vit["num_channels"]?.int == 2)
        let jepa = try config(.huggingFace, .withoutClassToken)
        #expect(jepa["architectures"]?.array?.first?.string == "IJepaModel")
    }

    @Test func aCardHasWhatIsKnownAndNamesTerms() {
        var card = ModelCard(name: "mine", method: "mae", library: "timm")
        card.call = "import timm"
        #expect(card.markdown.contains("license: apache-2.0") && card.markdown.contains("Not measured"))
        card.weightsLicence = "CC-BY-NC-4.0"
        card.dataLicence = "MIT"
        card.probes = [
            .object([
                ("protocol", JSONValue("dino-knn")), ("features", JSONValue("pretrained")),
                ("accuracy", JSONValue(0.5125)), ("interval", JSONValue([JSONValue(0.5), JSONValue(0.525)])),
            ])
        ]
        let text = card.markdown
        #expect(text.contains("license: cc-by-nc-4.0") && text.contains("MIT"))
        #expect(text.contains("| dino-knn | pretrained | 51.3 | 50.0 to 52.5 |"))
        #expect(text.contains("```python\nimport timm\n```"))
        card.probes = [.object([("protocol", JSONValue("x")), ("accuracy", JSONValue(1e300))])]
        #expect(card.markdown.contains("| x |"), "a number of a file may be anything")
        #expect(ModelCard(name: "theirs", method: nil, library: "timm").markdown.contains("license: other"))
    }
}
