import Checkpoints
import Pretraining
import PretrainingMethods
import RecipeSchema
import Testing

/// A term beside the loss, or a watch on features; and runs of LeJEPA, which has that term of its own.
struct RegularizerTests {
    private static let files = [
        "checkpoints/step-00000009/model.safetensors", "checkpoints/step-00000009/optimizer.safetensors",
    ]

    private func recipe(_ method: String, _ changes: [String]) throws -> Recipe {
        guard method == "lut" else {
            return try Recipe.parse(
                Array(try JointEmbeddingRunTests.recipe(method).encoded.text().utf8), set: changes)
        }
        let own = """
            method={"name": "lut", "decoder_width": 8, "decoder_depth": 1, "decoder_heads": 2, "head_hidden": 8,
            "head_norm": "LN"}
            """
        let all = [own, "data.crop_scale=null", #"mask={"strategy": "random", "ratio": 0.75}"#] + changes
        return try Recipe.parse(Array(TinyRun.text.utf8), set: all)
    }

    private func digests(_ recipe: Recipe) throws -> (digests: [String], rows: [JSONValue]) {
        let run = try TinyRun()
        try run.train(recipe)
        return (try Self.files.map(run.digest), try run.rows().map { try JSONParser.parse($0) })
    }

    @Test(arguments: ["ijepa", "dmtjepa", "lut"], ["pooled", "tokens"])
    func watchingChangesNoBitAndAWeightDoes(method: String, features: String) throws {
        let section = ["regularizer.name=sigreg", "regularizer.features=\(features)", "regularizer.slices=32"]
        let plain = try digests(try recipe(method, []))
        let watched = try digests(try recipe(method, section + ["regularizer.weight=0"]))
        #expect(watched.digests == plain.digests)
        let held = try digests(try recipe(method, section + ["regularizer.weight=0.5"]))
        #expect(held.digests != plain.digests)
        for (run, isThere) in [(plain, false), (watched, true), (held, true)] {
            let values = run.rows.filter { $0["kind"]?.string == "step" }.map { $0["sig/n"]?.double }
            #expect(values.count == 9)
            #expect(values.allSatisfy { isThere ? (0..<4).contains($0 ?? -1) : $0 == nil }, "\(values)")
        }
    }

    /// A watch may begin and end when a run is resumed; a term may not.
    @Test func aWatchIsNoPartOfWhatARunDependsOn() throws {
        let (plain, watched, held) = (
            try recipe("ijepa", []), try recipe("ijepa", ["regularizer.name=sigreg", "regularizer.weight=0"]),
            try recipe("ijepa", ["regularizer.name=sigreg"])
        )
        #expect(plain.digest == watched.digest && plain.digest != held.digest)
        #expect(watched.forbiddenChanges(from: plain).isEmpty && plain.forbiddenChanges(from: watched).isEmpty)
        for (new, old) in [(held, plain), (plain, held), (held, watched), (watched, held)] {
            #expect(!new.forbiddenChanges(from: old).isEmpty)
        }
    }

    @Test func aWatchSeesOnlyLoggedSteps() throws {
        let run = try digests(
            try recipe("ijepa", ["regularizer.name=sigreg", "regularizer.weight=0", "log.every_steps=3"]))
        let steps = run.rows.filter { $0["sig/n"] != nil }.compactMap { $0["step"]?.int }
        #expect(steps.count == run.rows.count { $0["kind"]?.string == "step" } && !steps.isEmpty)
    }

    @Test func aRegularizedRunIsResumedToTheBit() throws {
        let section = ["regularizer.name=sigreg", "regularizer.weight=0.1"]
        let whole = try digests(try recipe("ijepa", section)).digests
        for step in [2, 7] {
            let run = try TinyRun()
            try run.train(try recipe("ijepa", section + ["train.max_steps=\(step)"]), threads: 3)
            #expect(try run.train(try recipe("ijepa", section), .resumed, threads: 2) == .finished)
            #expect(try Self.files.map(run.digest) == whole)
        }
    }

    @Test func whatCannotBeRegularizedIsRefused() throws {
        func faults(_ changes: String...) -> String {
            do {
                _ = try Recipe.parse(Array(TinyRun.text.utf8), set: changes)
                return ""
            } catch { return "\(error)" }
        }
        let refused = faults("regularizer.name=sigreg")
        #expect(refused.contains("regularizer.name") && refused.contains("\"ijepa\"") && refused.contains("\"mae\""))
        #expect(!refused.contains("\"lejepa\""))
        #expect(faults("regularizer.weight=0.5").contains("name is missing"))
        #expect(faults("regularizer.name=vicreg").contains("sigreg"))
        #expect(faults().isEmpty)
    }
}

/// Runs of LeJEPA: views of two sizes, exact resume, what recipes refuse.
struct LeJEPARunTests {
    static func recipe(_ changes: [String] = []) throws -> Recipe {
        let text = """
            {"palimpsest": 1, "name": "tiny", "seed": 3,
             "data": {"source": {"kind": "procedural", "count": 26, "test_count": 10, "size": 16}, "image_size": 16,
                      "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]},
             "model": {"patch_size": 4, "width": 16, "depth": 2, "heads": 2, "drop_path": 0.2, "position": "sincos"},
             "method": {"name": "lejepa", "global_views": 2, "local_views": 2, "local_size": 8, "embedding": 8,
                        "projector_hidden": 16, "projector_width": 8, "slices": 16},
             "train": {"epochs": 3, "batch_size": 4, "accumulate": 2, "learning_rate": 0.01, "warmup_epochs": 0.5},
             "log": {"every_steps": 1, "keep": 10, "checkpoint_every_steps": 1}}
            """
        return try Recipe.parse(Array(text.utf8), set: changes)
    }

    @Test func stoppingAfterAnyStepAndOtherThreadsChangeNoBit() throws {
        let whole = try TinyRun()
        try whole.train(try Self.recipe())
        let digests = try whole.finalDigests()
        for step in [1, 7] {
            let run = try TinyRun()
            try run.train(try Self.recipe(["train.max_steps=\(step)"]), threads: 3, loaderThreads: 2)
            #expect(try run.train(try Self.recipe(), .resumed, threads: 2) == .finished)
            #expect(try run.finalDigests() == digests)
        }
        let rows = try whole.rows().map { try JSONParser.parse($0) }.filter { $0["kind"]?.string == "step" }
        #expect(rows.count == 9 && rows.allSatisfy { ($0["projection_spread"]?.double ?? -1) > 0 })
    }

    @Test func whatThePageRefusesIsRefused() {
        func fault(_ changes: String...) -> String {
            do {
                _ = try Self.recipe(changes)
                return ""
            } catch { return "\(error)" }
        }
        #expect(fault().isEmpty)
        #expect(fault("train.batch_size=1").contains("set batch_size to 2"))
        #expect(fault("train.batch_size=1", "method.sigreg_over=all").isEmpty)
        #expect(fault("model.position=learned").contains("model.position"))
        #expect(fault("data.crop_scale=[0.5,1]").contains("set data.crop_scale to null"))
        #expect(fault("mask={\"strategy\":\"random\"}").contains("cannot use \"random\"; it takes \"none\""))
        #expect(fault("train.decay_tokens=false").contains("decay_all"))
        #expect(fault("train.decay_tokens=false", "train.decay_all=false").isEmpty)
    }

    /// What no memory holds, or what measures nothing, is refused before anything is computed, in one sentence each.
    @Test(arguments: [
        ("slices=65537", "65536"), ("slices=1e300", "65536"), ("knots=1027", "1025"), ("knots=4", "1025"),
        ("knot_max=11", "10"), ("knot_max=1e300", "10"), ("knot_max=0", "10"),
    ])
    func valuesOfSIGRegBeyondTheirRangeAreRefusedWithIt(change: String, bound: String) {
        for section in ["method", "regularizer"] {
            let found = faults(section, [change])
            #expect(
                found.count == 1 && found[0].contains("allowed is") && found[0].contains(bound),
                "\(section).\(change): \(found)")
        }
    }

    @Test(arguments: ["method", "regularizer"])
    func togetherTheyAreHeldToo(section: String) {
        // 2²⁰ pictures along 65536 directions are 2³⁶ numbers.
        for changes in [
            ["slices=65536", "train.batch_size=1048576"],
            ["slices=65536", section == "method" ? "projector_width=65536" : "model.width=4096"],
        ] {
            let found = faults(section, changes)
            #expect(
                found.count == 1 && found[0].contains("slices") && found[0].contains("allowed are up to")
                    && found[0].contains("lower"), "\(changes): \(found)")
        }
        // Knots far apart see nothing between 0 and where the window has closed.
        let apart = faults(section, ["knots=3", "knot_max=9"])
        #expect(apart.count == 1 && apart[0].contains("4.5 apart, allowed are up to 2.5"), "\(apart)")
        #expect(faults(section, ["knots=3", "knot_max=3"]) == [])
        #expect(faults(section, ["knots=9", "knot_max=5", "slices=1024"]) == [])
    }

    /// Faults of options of SIGReg in a section, all changes but those with a path of their own.
    private func faults(_ section: String, _ changes: [String]) -> [String] {
        let changes = changes.map { $0.contains("train.") || $0.contains("model.") ? $0 : "\(section).\($0)" }
        do {
            _ =
                section == "method"
                ? try Self.recipe(changes)
                : try Recipe.parse(
                    Array(try JointEmbeddingRunTests.recipe("ijepa").encoded.text().utf8),
                    set: ["regularizer.name=sigreg"] + changes)
            return []
        } catch {
            return (error as? Problems)?.list.map(\.description) ?? ["\(error)"]
        }
    }

    /// Norms and biases are decayed where the recipe says so, as the method's own default does.
    @Test func everythingIsDecayedWhereTheRecipeSays() throws {
        func weights(_ changes: String...) throws -> [String: [Double]] {
            let run = try TinyRun()
            let all = ["train.max_steps=1", "train.warmup_epochs=0", "train.min_learning_rate=0"]
            try run.train(try Self.recipe(all + changes))
            let model = try run.folder.checkpoints.read(step: 1).model
            return Dictionary(uniqueKeysWithValues: model.names.map { ($0, model[$0]?.doubles() ?? []) })
        }
        let none = try weights("train.weight_decay=0")
        for all in [true, false] {
            let some = try weights("train.weight_decay=0.5", "train.decay_all=\(all)")
            for name in ["backbone.norm.weight", "proj.8.bias", "proj.1.weight", "backbone.blocks.0.norm1.weight"] {
                #expect((some[name] != none[name]) == all, "\(name)")
            }
            #expect(some["proj.4.weight"] != none["proj.4.weight"])
        }
    }
}
