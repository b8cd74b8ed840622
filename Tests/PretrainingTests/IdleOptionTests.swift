import Pretraining
import PretrainingMethods
import RecipeSchema
import Testing

/// Options that are set and change nothing.
struct IdleOptionTests {
    private func notes(_ changes: [String]) throws -> [String] {
        try Recipe.parse(Array(TinyRun.text.utf8), set: changes).idleNotes
    }

    private static let crossmae = [
        #"mask={"strategy": "random", "ratio": 0.75, "predicted_ratio": 0.25}"#,
        #"method={"name": "crossmae", "decoder_width": 8, "decoder_depth": 1, "decoder_heads": 2}"#,
    ]
    private static let lejepa = [
        "model.position=sincos", "mask={}", "data.crop_scale=null",
        #"method={"name": "lejepa", "global_views": 2, "projector_hidden": 16, "slices": 16}"#,
    ]
    private static let capi = [
        #"model={"patch_size": 4, "width": 16, "depth": 2, "heads": 2, "registers": 4}"#,
        #"mask={"strategy": "inverse_block", "predict_share": 0.5}"#,
        #"method={"name": "capi", "predictor_depth": 1, "clusters": 8}"#,
        #"train={"epochs": 3, "batch_size": 4, "schedule": {"name": "truncated_cosine", "warmup_epochs": 0.5}}"#,
    ]

    @Test(arguments: [
        (crossmae, ["method.weighted_features=false"], "method.feature_blocks=[0]", "weighted_features is false"),
        (crossmae, ["method.weighted_features=false"], "method.input_feature=false", "weighted_features is false"),
        (crossmae, ["mask.predicted_ratio=null"], "train.prediction_scale=inverse", "all hidden patches are predicted"),
        (
            crossmae, ["train.base_learning_rate=null", "train.learning_rate=0.001"], "train.prediction_scale=none",
            "learning_rate is given"
        ),
        (lejepa, [], "method.local_size=8", "local_views is 0"),
        (lejepa, [], "method.views.local_crop_scale=[0.1, 0.2]", "local_views is 0"),
        (lejepa, ["method.views.blur_probability=0"], "method.views.blur_taps=5", "blur_probability is 0"),
        (lejepa, ["method.views.blur_probability=0"], "method.views.blur_sigma=[1, 2]", "blur_probability is 0"),
        (lejepa, ["method.views.jitter_probability=0"], "method.views.jitter=[1, 1, 1, 0]", "jitter_probability is 0"),
        (
            lejepa, ["method.projector_hidden=2048", "method.projector_depth=1"], "method.projector_norm=null",
            "one layer"
        ),
        (lejepa, ["method.sigreg_weight=0"], "method.combine=sum", "sigreg_weight is 0"),
        (lejepa, ["model.position=learned"], "model.position_order=row_first", "position is \"learned\""),
        (capi, [], "model.position_order=row_first", "position is \"rope\""),
        (capi, ["train.schedule.warmup_epochs=0"], "method.ema_start=0.5", "no warm-up"),
        (
            capi, ["train.schedule={\"name\": \"constant\"}"], "method.clustering_min_learning_rate=0.0001",
            "\"constant\""
        ),
        ([], ["mask={\"strategy\": \"inverse_block\"}"], "mask.predict_share=0.5", "predicts all hidden patches"),
        ([], ["data.crop_scale=null"], "data.crop_ratio=[1, 1]", "crop_scale is null"),
        ([], ["data.crop_scale=null"], "data.scaled_decoding=true", "crop_scale is null"),
        (
            [], ["train={\"batch_size\": 4, \"schedule\": {\"name\": \"cosine\"}}"],
            "train.schedule.warmup_learning_rate=0.001", "no warm-up"
        ),
    ])
    func whatChangesNothingIsToldInOneSentence(
        method: [String], others: [String], idle: String, reason: String
    ) throws {
        #expect(try notes(method + others) == [])
        let found = try notes(method + others + [idle])
        let key = String(idle.prefix { $0 != "=" })
        #expect(
            found.count == 1 && found[0].hasPrefix("\(key) ") && found[0].contains("changes nothing, since")
                && found[0].contains(reason), "\(idle): \(found)")
    }

    /// A key that is written out with its default says what holds anyway: as recipes of runs do.
    @Test func defaultsMayBeWrittenOut() throws {
        for changes in [Self.crossmae + ["method.weighted_features=false"], Self.lejepa, Self.capi, []] {
            let recipe = try Recipe.parse(Array(TinyRun.text.utf8), set: changes)
            #expect(try Recipe.parse(Array(recipe.encoded.text().utf8)).idleNotes == [])
        }
    }

    @Test(arguments: RecipeLibrary.shipped().map(\.path))
    func whatIsShippedHasAnEffect(path: String) throws {
        #expect(try RecipeLibrary.read(path).idleNotes == [])
    }

    @Test func whatHasAnEffectIsTaken() throws {
        #expect(try notes(Self.crossmae + ["method.feature_blocks=[0]", "method.input_feature=false"]) == [])
        #expect(
            try notes(Self.lejepa + ["method.local_views=1", "method.local_size=8", "method.views.blur_taps=5"]) == [])
        #expect(
            try notes(
                Self.capi + ["method.ema_start=0.5", "mask={\"strategy\": \"inverse_block\", \"predict_share\": 1}"])
                == [])
        #expect(try notes(["data.crop_ratio=[1, 1]"]) == [])
    }
}
