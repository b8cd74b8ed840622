import ImageMasking
import Optimizers
import Pretraining
import PretrainingMethods
import RecipeSchema
import Testing
import VisionTransformers

/// What a recipe with faults is told.
struct RecipeMessageTests {
    private func faults(_ text: String = TinyRun.text, _ changes: [String] = []) -> [String] {
        do {
            _ = try Recipe.parse(Array(text.utf8), set: changes)
            return []
        } catch {
            return (error as? Problems)?.list.map(\.description) ?? ["\(error)"]
        }
    }

    @Test func sixFaultsInSixSectionsAreSixLines() {
        let text = """
            {"palimpsest": 1, "name": "six",
             "data": {"image_size": 30},
             "model": {"patch_size": 4, "width": 48, "heads": 5},
             "mask": {"strategy": "random", "ratio": 2},
             "method": {"name": "mae", "decoder_width": 30, "decoder_heads": 3},
             "train": {"epochs": 0},
             "log": {"keep": 0}}
            """
        let found = faults(text)
        #expect(found.count == 6, "\(found)")
        for part in [
            "line 2: $.data.image_size: 30 x 30 is not a multiple of model.patch_size 4",
            "line 3: $.model: width 48 is not a multiple of heads 5", "line 4: $.mask.ratio: found 2",
            "line 5: $.method: decoder_width 30 is not a multiple of 4", "line 6: $.train.epochs: found 0",
            "line 7: $.log.keep: found 0",
        ] {
            #expect(found.contains { $0.hasPrefix(part) }, "\(part)")
        }
    }

    @Test func faultsBetweenReadableKeysAreToldBesideBrokenOnes() {
        let found = faults(TinyRun.text, ["model.depth=0", "model.heads=5", "data.flip=3", "data.image_size=30"])
        #expect(found.contains { $0.contains("width 16 is not a multiple of heads 5") })
        #expect(found.contains { $0.contains("30 x 30 is not a multiple") })
        #expect(found.count == 4, "\(found)")
    }

    @Test func aFaultyValueIsNotBlamedTwice() {
        #expect(faults(TinyRun.text, ["model.heads=0"]).count == 1)
        #expect(faults(TinyRun.text, ["model.num_heads=5", "model.width=20"]).count == 1)
        #expect(faults(TinyRun.text, ["data.image_size=0"]).count == 1)
        #expect(faults(TinyRun.text, ["mask={\"strategy\": \"colr\"}"]).count == 1)
    }

    private static let small =
        #"{"palimpsest": 1, "name": "x", "model": {"width": 48, "heads": 3}, "method": {"name": "#

    /// A mistake is told once, by the sentence that says what to do about it.
    @Test(arguments: [
        ("capi", "model.heads=0", "allowed is"), ("capi", "model.heads=5", "width 48 over heads 5"),
        ("capi", "model.heads=64", "heads 64 is above width 48; lower heads"),
        ("capi", "model.position=sincos", "it takes \"rope\""), ("capi", "model.position=none", "it takes \"rope\""),
        ("capi", "model.mlp_ratio=1e-300", "leaves no hidden unit"), ("capi", "model.registers=3", "a multiple of 4"),
        ("capi", "mask.predicted_ratio=0.5", "chooses what is predicted by mask.predict_share; set it to null"),
        ("capi", "method.predictor_heads=5", "predictor_width 48 over predictor_heads 5"),
        ("simmim", "mask.predicted_ratio=1", "predicts all hidden patches; remove it"),
        ("simmim", "model.position=rope", "cannot use \"rope\"; it takes"),
        ("simmim", "mask.strategy=frequency", "cannot use \"frequency\"; it takes"),
        ("simmim", "mask.teacher=3", "expected an object"),
        ("simmim", #"mask={"strategy": "attention", "teacher": {"path": 3}}"#, "expected a string"),
        ("simmim", #"mask={"strategy": "attention", "teacher": {"path": ""}}"#, "name a run folder"),
        ("crossmae", "mask.ratio=1e-300", "hides none of 64 patches; raise it"),
        ("crossmae", "mask.unit=32", "leaves none of 1 patches visible"),
        ("crossmae", "mask.ratio=0.1", "more than the 0.1 that are hidden"),
        ("crossmae", "method.decoder_width=31", "is a multiple neither of decoder_heads 3 nor of 4"),
        ("crossmae", "model.position=rope", "cannot use \"rope\"; it takes"),
        ("lejepa", "mask.unit=3", "hides no patches; remove it"), ("lejepa", "model.heads=64", "heads 64 is above"),
        ("lejepa", "mask.predicted_ratio=0.5", "predicts all hidden patches; remove it"),
        ("lejepa", "model.position=rope", "cannot use \"rope\"; it takes"),
        ("lejepa", "train.batch_size=1", "set batch_size to 2 or more"),
    ])
    func oneMistakeIsOneSentence(method: String, change: String, words: String) {
        let text = Self.small + "\"\(method)\"}}"
        #expect(faults(text) == [])
        let found = faults(text, [change])
        #expect(found.count == 1 && found[0].contains(words), "\(change): \(found)")
    }

    @Test func theMethodIsHeardWithoutAGrid() {
        let text = """
            {"palimpsest": 1, "name": "x", "data": {"image_size": 30}, "model": {"class_token": true, "width": 48},
             "method": {"name": "ijepa", "predictor_width": 48, "predictor_heads": 3}}
            """
        let found = faults(text)
        #expect(found.count == 2 && found.contains { $0.contains("has no place for a class token") }, "\(found)")
    }

    @Test(arguments: [
        ("epochs=3", "did you mean \"train.epochs\"?"), ("heads=3", "did you mean \"model.heads\"?"),
        ("epoch=3", "did you mean \"train.epochs\"?"), ("train.depth=3", "did you mean \"model.depth\"?"),
        ("model.num_heads=3", "did you mean \"model.heads\"?"), ("model.embed_dim=3", "did you mean \"model.width\"?"),
        ("model.hidden_size=3", "did you mean \"model.width\"?"), ("lr=1", "did you mean \"train.learning_rate\"?"),
        ("train.blr=1", "did you mean \"train.base_learning_rate\"?"),
        ("img_size=3", "did you mean \"data.image_size\"?"),
        ("mask_ratio=0.5", "did you mean \"mask.ratio\"?"), ("batch=3", "did you mean \"train.batch_size\"?"),
        ("model.num_hidden_layers=3", "did you mean \"model.depth\"?"), ("mask.ration=0.5", "did you mean \"ratio\"?"),
        ("model.patch=3", "did you mean \"model.patch_size\"?"),
        ("method.decoder_embed_dim=8", "did you mean \"method.decoder_width\"?"),
        ("train.min_lr=0", "did you mean \"train.schedule.min_learning_rate\"?"),
        ("train.opt=adamw", "did you mean \"train.optimizer\"?"),
        ("train.opt_betas=[0.9, 0.95]", "did you mean \"train.optimizer.betas\"?"),
        ("zzzzzzzzzz=1", "known are palimpsest"),
    ])
    func otherWordsForKeysAreUnderstood(change: String, hint: String) {
        let found = faults(TinyRun.text, [change])
        #expect(found.count == 1 && found[0].contains("unknown key; ") && found[0].contains(hint), "\(found)")
    }

    @Test(arguments: [
        ("mask.strategy=green", "write \"color\" with the key \"color\": \"green\""),
        ("mask.strategy=Blue", "write \"color\" with the key \"color\": \"blue\""),
        ("mask.strategy=ColorMAE", "write \"color\""), ("mask.strategy=blockwise", "write \"block\""),
        ("mask.strategy=block-wise", "write \"block\""), ("mask.strategy=grid", "write \"random\" or \"block\""),
        ("mask.strategy=multi_block", "did you mean \"multiblock\"?"), ("mask.strategy=I-JEPA", "write \"multiblock\""),
        ("method.name=colormae", "write \"mae\" here and \"color\" as mask.strategy"),
        ("method.name=MAE", "did you mean \"mae\"?"), ("method.name=I-JEPA", "did you mean \"ijepa\"?"),
        ("method.name=Context Autoencoder", "write \"cae\""), ("method.name=CAE v2", "\"targets\": \"teacher\""),
    ])
    func otherWordsForPartsAreUnderstood(change: String, hint: String) {
        let found = faults(TinyRun.text, [change])
        #expect(found.first?.contains(hint) == true, "\(found)")
    }

    @Test func everyOtherNameMeansSomethingThatThereIs() {
        for (name, type) in maskingStrategies.map({ ($0.name, $0.otherNames) }) {
            for (word, meant) in type {
                #expect(meant.contains("\"\(name)\""), "\(word)")
                #expect(maskingStrategies.named(word) == nil)
            }
        }
        for method in pretrainingMethods {
            for word in method.otherNames.keys { #expect(pretrainingMethods.named(word) == nil, "\(word)") }
        }
    }

    @Test func quotedTextStaysOnItsLine() {
        let name = #"{"palimpsest": 1, "name": "a\nb\u001b[2J\u202E"}"#
        #expect(
            faults(name) == [
                "line 1: $.name: found \"a\\nb\\x1b[2J\\x202e\", allowed is 1 to 100 letters, digits, '-', '_' or '.', not '.' "
                    + "first"
            ])
        let key = #"{"palimpsest": 1, "name": "a", "k\n\u0007": 1}"#
        #expect(faults(key).count == 1 && faults(key)[0].hasPrefix("line 1: $.k\\n\\x07: unknown key"))
    }

    @Test func faultsOfARecipeMadeInCodeAreTold() throws {
        var recipe = try TinyRun.recipe()
        #expect(recipe.faults.isEmpty)
        recipe.model.heads = 5
        recipe.mask = RandomMasking()
        #expect(recipe.faults.map(\.path) == ["$.model"])
        var optimizer = AdamWOptions()
        optimizer.eps = .nan
        recipe.train.optimizer = optimizer
        #expect(recipe.faults.contains { $0.path == "$.train.optimizer.eps" })
    }

    @Test func widthsNeedSinesOnlyWhereThereAreAny() throws {
        func text(_ position: String, _ method: String) -> String {
            """
            {"palimpsest": 1, "name": "w", "data": {"image_size": 32},
             "model": {"position": "\(position)", "width": 30, "heads": 3, "depth": 1, "patch_size": 4}, \(method)}
            """
        }
        let mae = #""method": {"name": "mae"}"#
        #expect(faults(text("learned", mae)).isEmpty)
        #expect(faults(text("sincos", mae)).first?.contains("width 30 is not a multiple of 4") == true)
        let mfm =
            #""mask": {"radius": 3}, "method": {"name": "mfm", "decoder_depth": 1, "decoder_width": 30, "decoder_heads": 3}"#
        #expect(faults(text("learned", mfm)).isEmpty)
        #expect(faults(text("sincos", mfm)).contains { $0.contains("decoder_width 30 is not a multiple of 4") })
        let wide = #""method": {"name": "mae", "decoder_width": 30, "decoder_heads": 3}"#
        #expect(faults(text("learned", wide)).first?.contains("decoder_width 30 is not a multiple of 4") == true)
    }

    @Test func oneMeanStandsForAllChannels() {
        #expect(faults(TinyRun.text, ["model.channels=4", "data.mean=[0.5]", "data.std=[0.5]"]).isEmpty)
        #expect(faults(TinyRun.text, ["model.channels=4", "data.mean=[0.5,1]", "data.std=[0.5,1]"]).count == 2)
    }
}
