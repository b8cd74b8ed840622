import Autodiff
import Checkpoints
import EncoderFiles
import ImageMasking
import RandomStreams
import RecipeSchema
import Testing
import VisionTransformers

/// A file as the beginning of a model that is there already.
struct InitializingTests {
    /// A model with a decoder of two tensors beside its encoder.
    private func model(_ tiny: TinyEncoder) -> (encoder: Encoder, store: ParameterStore) {
        var made = tiny.made(seed: 77)
        _ = made.store.add("decoder.0.weight", [2], [1, 2])
        _ = made.store.add("mask_token", [2], [3, 4])
        return made
    }

    private func started(
        _ tiny: TinyEncoder, _ file: SafetensorsFile
    ) throws -> (store: ParameterStore, account: EncoderAccount) {
        var model = model(tiny)
        let account = try EncoderFile(file, path: "file").initialize(&model.store, of: model.encoder)
        return (model.store, account)
    }

    private func refusal(_ tiny: TinyEncoder, _ file: SafetensorsFile) -> String {
        sentence { _ = try started(tiny, file) }
    }

    @Test(arguments: ["", "encoder."])
    func anEncoderIsTakenWholeAndTheRestIsNamed(owner: String) throws {
        let tiny = TinyEncoder { $0.traits.owner = owner }
        for file in [
            TinyEncoder().own, TinyEncoder().timm, TinyEncoder().huggingFace(version: 4),
            TinyEncoder().huggingFace(version: 5, prefix: "vit."),
        ] {
            let (store, account) = try started(tiny, file)
            for entry in tiny.made().store.entries {
                let name = entry.name
                #expect(store[name]?.array == TinyEncoder().made().store[String(name.dropFirst(owner.count))]?.array)
            }
            #expect(store["mask_token"]?.array == [3, 4])
            #expect(account.missing == ["decoder.0.weight", "mask_token"])
            #expect(account.taken.count == file.names.count)
            #expect(
                account.sentence.hasPrefix("taken \(file.names.count) of \(file.names.count) tensors: ")
                    && account.sentence.hasSuffix("keep their initial values: decoder.0.weight, mask_token"))
        }
    }

    @Test func wrappersAreStripped() throws {
        var file = SafetensorsFile()
        for name in TinyEncoder().timm.names { file["module.\(name)"] = TinyEncoder().timm[name] }
        file["module.head.weight"] = StoredTensor([Float](repeating: 0, count: 12))
        let account = try started(TinyEncoder(), file).account
        #expect(account.taken.count == file.names.count - 1)
        #expect(account.sentence.contains("left 1 (a head): module.head.weight"))
        #expect(account.sentence.contains("nothing says its attention heads, so model.heads 2 is taken"))
    }

    /// What stands beside the encoder is taken whole, or left and said.
    @Test func aDecoderIsTakenWholeOrNotAtAll() throws {
        var same = TinyEncoder().own
        same["decoder.0.weight"] = StoredTensor([Float(8), 9])
        same["mask_token"] = StoredTensor([Float(6), 7])
        let taken = try started(TinyEncoder(), same)
        #expect(taken.store["decoder.0.weight"]?.array == [8, 9] && taken.store["mask_token"]?.array == [6, 7])
        #expect(taken.account.missing.isEmpty && taken.account.ignored.isEmpty)
        #expect(taken.account.sentence == "taken \(same.names.count) of \(same.names.count) tensors")
        var (other, deeper, part) = (same, same, same)
        other["mask_token"] = StoredTensor([Float(6), 7, 8])
        deeper["decoder.1.weight"] = StoredTensor([Float(6), 7])
        part["mask_token"] = nil
        for file in [other, deeper, part] {
            let (store, account) = try started(TinyEncoder(), file)
            #expect(store["decoder.0.weight"]?.array == [1, 2] && store["mask_token"]?.array == [3, 4])
            #expect(account.missing.count == 2 && account.sentence.contains("not all of it the model's"))
        }
    }

    /// A model goes on from trained weights; the moving average beside them is left and said.
    @Test func aCheckpointOfTwoEncodersGivesTheTrainedOne() throws {
        let tiny = TinyEncoder { $0.traits.owner = "encoder." }
        var file = SafetensorsFile(metadata: TinyEncoder().own.metadata)
        let zeros = TinyEncoder().made(seed: 9)
        for (name, value) in TinyEncoder().made().encoder.exported(from: TinyEncoder().made().store) {
            file["encoder.\(name)"] = StoredTensor(value.array, shape: Array(value.shape))
        }
        for (name, value) in zeros.encoder.exported(from: zeros.store) {
            file["target_encoder.\(name)"] = StoredTensor(value.array, shape: Array(value.shape))
        }
        file.metadata["encoder"] = file.metadata["encoder"]?.replacing(
            #""prefix": """#, with: #""prefix": "target_encoder.""#)
        let (store, account) = try started(tiny, file)
        #expect(store["encoder.norm.bias"]?.array == TinyEncoder().made().store["norm.bias"]?.array)
        #expect(account.ignored.count * 2 == file.names.count)
        #expect(
            try EncoderFile(file, path: "file").load().parameters["norm.bias"]?.array == zeros.store["norm.bias"]?.array
        )
    }

    @Test func encodersThatHaveNoPlaceAreRefusedWithTheKeyThatHelps() {
        func model(_ change: (inout EncoderOptions) -> Void) -> TinyEncoder { TinyEncoder { change(&$0.options) } }
        let plain = TinyEncoder()
        let cases: [(model: TinyEncoder, file: TinyEncoder, key: String)] = [
            (model { $0.depth = 1 }, plain, "set model.depth to 2"),
            (plain, model { $0.layerScale = 0.1 }, "model.layer_scale"),
            (model { $0.classToken = false }, plain, "set model.class_token to true"),
            (model { $0.qkvBias = .none }, plain, "set model.qkv_bias to \"qkv\""),
            (model { $0.position = .sincos }, plain, "set model.position to \"learned\""),
            (
                model { $0.position = .sincos },
                model {
                    $0.position = .sincos
                    $0.positionOrder = .rowFirst
                }, "\"row_first\"; set model.position_order"
            ),
            (plain, model { $0.relativePositionBias = .shared }, "model.relative_position_bias to \"shared\""),
            (plain, model { $0.relativePositionBias = .perBlock }, "model.relative_position_bias to \"per_block\""),
            (model { $0.heads = 3 }, plain, "set model.heads to 2"),
            (model { $0.width = 24 }, plain, "set model.width to 12"),
            (model { $0.patchSize = 4 }, plain, "set model.patch_size to 2"),
            (model { $0.mlpRatio = 2 }, plain, "set model.mlp_ratio"),
            (plain, TinyEncoder { $0.traits.registers = 2 }, "can be a teacher, but no beginning"),
            (plain, TinyEncoder { $0.traits.hasInputNorm = true }, "can be a teacher, but no beginning"),
            (plain, TinyEncoder { $0.traits.activation = .quickGELU }, "can be a teacher, but no beginning"),
        ]
        for (model, file, key) in cases {
            let message = refusal(model, file.own)
            #expect(message.hasPrefix("file: ") && message.contains(key), "\(key): \(message)")
        }
    }

    @Test func whatTheModelCanUseInAnotherFormIsSaid() throws {
        var other = TinyEncoder()
        other.grid = PatchGrid(rows: 2, columns: 4)
        let (store, account) = try started(other, TinyEncoder().own)
        #expect(store["pos_embed"]?.shape == [1, 9, 12])
        #expect(account.sentence.contains("positions resized from 3x3 to 2x4 patches"))
        // Sines are a beginning for trained positions, stored or not.
        let sines = TinyEncoder { $0.options.position = .sincos }
        var bare = sines.own
        bare["pos_embed"] = nil
        for file in [sines.own, bare] {
            let table = try started(TinyEncoder(), file).store["pos_embed"]
            #expect(table?.array == sines.made().encoder.positionTable(sines.made().store).array)
        }
        // A model without biases of keys takes those of queries and values; a deeper one keeps its last blocks, and says so.
        let beit = TinyEncoder { $0.options.qkvBias = .noKey }
        let joined = try started(beit, TinyEncoder().own)
        #expect(joined.account.missing.count == 2 && joined.account.sentence.contains("biases of keys are left out"))
        let (first, all) = (joined.store["blocks.0.attn.v_bias"], TinyEncoder().made().store["blocks.0.attn.qkv.bias"])
        #expect(first?.array == all.map { Array($0.array[24...]) })
        let deep = try started(TinyEncoder { $0.options.depth = 3 }, TinyEncoder().own).account
        #expect(deep.missing.filter { $0.hasPrefix("blocks.2.") }.count == 12)
    }

    /// One band: the sum. Others: in turn, scaled so that the sum over equal bands stays.
    @Test(arguments: [
        (3, 1, "of 3 bands made into 1: summed"), (3, 12, "of 3 bands made into 12: repeated, scaled by 3/12"),
        (1, 4, "of 1 band made into 4: repeated, scaled by 1/4"),
        (5, 2, "of 5 bands made into 2: the first ones, scaled by 5/2"),
        (3, 7, "of 3 bands made into 7: repeated, scaled by 3/7"),
    ])
    func aPatchKernelOfOtherBandsIsMadeToFit(bands: Int, wanted: Int, words: String) throws {
        let file = TinyEncoder { $0.options.channels = bands }
        let name = "patch_embed.proj.weight"
        for content in [file.own, file.timm] {
            let (store, account) = try started(TinyEncoder { $0.options.channels = wanted }, content)
            #expect(account.sentence.contains("patch kernel \(words)"), "\(account.sentence)")
            let (old, new) = (try #require(file.made().store[name]), try #require(store[name]))
            #expect(new.shape == [12, wanted, 2, 2])
            for row in 0..<12 {
                for band in 0..<wanted {
                    for pixel in 0..<4 {
                        func stored(_ band: Int) -> Float { old.array[(row * bands + band) * 4 + pixel] }
                        let want =
                            wanted == 1
                            ? (0..<bands).map(stored).reduce(0, +)
                            : stored(band % bands) * Float(bands) / Float(wanted)
                        #expect(abs(new.array[(row * wanted + band) * 4 + pixel] - want) <= 1e-6)
                    }
                }
            }
            #expect(store["norm.bias"]?.array == file.made().store["norm.bias"]?.array)
        }
    }

    @Test func aConfigurationsHeadsMustBeTheModels() throws {
        var model = model(TinyEncoder())
        let file = EncoderFile(
            TinyEncoder().timm, path: "file", config: .object([("num_attention_heads", .init(3))]))
        #expect(sentence { _ = try file.initialize(&model.store, of: model.encoder) }.contains("has 3 attention heads"))
    }
}
