import Foundation
import ImageData
import ImageMasking
import Optimizers
import Pretraining
import PretrainingMethods
import RecipeSchema
import TestSupport
import Testing
import VisionTransformers

struct RecipeTests {
    private func faults(_ changes: String...) -> [String] {
        do {
            _ = try Recipe.parse(Array(TinyRun.text.utf8), set: changes)
            return []
        } catch {
            return (error as? Problems)?.list.map(\.description) ?? ["\(error)"]
        }
    }

    static let shipped: [String] = {
        let root = SharedFiles.packageRoot.appendingPathComponent("recipes").path
        let walk = FileManager.default.enumerator(atPath: root)
        return (walk?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix(".json") }.sorted()
            .map { root + "/" + $0 }
    }()

    @Test(arguments: shipped)
    func everyShippedRecipeIsWithoutFault(path: String) throws {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        let recipe = try Recipe.parse(Array(data))
        let folder = path.split(separator: "/").dropLast().last.map { $0 == "recipes" ? "" : "\($0)-" } ?? ""
        let file = URL(fileURLWithPath: path).deletingPathExtension().lastPathComponent
        #expect(recipe.name == folder + file)
    }

    @Test(arguments: pretrainingMethods.names)
    func everyMethodHasFourRecipes(method: String) throws {
        let recipes = try Self.shipped.filter { path in
            let recipe = try Recipe.parse(Array(Data(contentsOf: URL(fileURLWithPath: path))))
            return type(of: recipe.method).name == method
        }
        #expect(recipes.count >= 4)
    }

    @Test func theResolvedRecipeReadsBack() throws {
        let recipe = try TinyRun.recipe()
        let again = try Recipe.parse(Array(recipe.encoded.text(pretty: true).utf8))
        #expect(again.digest == recipe.digest)
    }

    /// Keys of the first recipes are sections now; both forms are read, and mean the same.
    @Test func theFirstFormOfOptimisationIsTheSameRecipe() throws {
        func recipe(_ train: String) throws -> Recipe {
            let text = #"{"palimpsest": 1, "name": "o", "train": {"epochs": 9, \#(train)}}"#
            return try Recipe.parse(Array(text.utf8))
        }
        let old = try recipe(
            #""schedule": "warmup_cosine", "warmup_epochs": 2, "min_learning_rate": 1e-6, "ipe_scale": 1.25, "betas": [0.8, 0.9], "eps": 1e-6"#
        )
        let new = try recipe(
            #""schedule": {"name": "warmup_cosine", "warmup_epochs": 2, "min_learning_rate": 1e-6, "ipe_scale": 1.25}, "optimizer": {"name": "adamw", "betas": [0.8, 0.9], "eps": 1e-6}"#
        )
        #expect(old.digest == new.digest)
        #expect(try recipe(#""schedule": "constant", "min_learning_rate": 1e-6"#).train.schedule is ConstantOptions)
        let whole = try recipe(#""schedule": "cosine", "ipe_scale": 1, "final_weight_decay": null, "eps": 1e-8"#)
        #expect(whole.digest == (try recipe(#""schedule": "cosine""#)).digest)
        // What the command line says holds, in whichever form.
        let text = #"{"palimpsest": 1, "name": "o", "train": {"schedule": {"name": "cosine", "warmup_epochs": 2}}}"#
        let set = try Recipe.parse(Array(text.utf8), set: ["train.warmup_epochs=3", "train.eps=1e-7"])
        #expect(set.train.schedule.warmupEpochs == 3 && (set.train.optimizer as? AdamWOptions)?.eps == 1e-7)
        #expect(try recipe(#""optimizer": {"name": "lars"}"#).train.optimizer is LARSOptions)
        for wrong in [
            #""schedule": "constant", "ipe_scale": 2"#, #""schedule": "cosine", "final_weight_decay": 0.1"#,
            #""optimizer": {"name": "sgd", "betas": [0.8, 0.9]}"#,
            #""eps": 1e-6, "optimizer": {"name": "adamw", "eps": 1e-7}"#,
        ] {
            #expect(throws: Problems.self, "\(wrong)") { try recipe(wrong) }
        }
    }

    @Test func twoViewsTakeNoCrop() throws {
        func recipe(_ data: String) throws -> Recipe {
            let text = #"{"palimpsest": 1, "name": "views", "data": \#(data), "method": {"name": "lut"}}"#
            return try Recipe.parse(Array(text.utf8))
        }
        #expect(try recipe("{}").data.cropScale == nil)
        #expect {
            try recipe(#"{"crop_scale": [0.2, 1]}"#)
        } throws: {
            ($0 as? Problems)?.list.map(\.message) == [
                "method \"lut\" makes its views of whole pictures, shifted by method.views.pad; set data.crop_scale to null"
            ]
        }
        #expect {
            try recipe(#"{"interpolation": "bilinear", "scaled_decoding": true}"#)
        } throws: {
            ($0 as? Problems)?.list.map(\.path) == ["$.data.interpolation", "$.data.scaled_decoding"]
        }
    }

    @Test func rulesBetweenSectionsAreChecked() {
        #expect(
            faults("data.image_size=[16,18]") == [
                "--set data.image_size: 16 x 18 is not a multiple of model.patch_size 4 in both directions"
            ])
        #expect(
            faults("mask.ratio=0.99").first?.hasSuffix(
                "ratio 0.99 leaves none of 16 patches visible; lower it (the grid has 4x4 patches)") == true
        )
        #expect(faults("model.width=15").first?.contains("width 15 is not a multiple of 4") == true)
        #expect(faults("model.heads=3").first?.contains("width 16 is not a multiple of heads 3") == true)
        #expect(
            faults("model.relative_position_bias=shared") == [
                "--set model.relative_position_bias: \"shared\" is a term for pairs of all patches; mask strategy \"color\" "
                    + "hides some of them, so set it to \"none\""
            ])
        #expect(faults("method.decoder_heads=3").first?.contains("decoder_width 8 is not a multiple") == true)
        #expect(faults("train.learning_rate=0.1").first?.contains("both base_learning_rate and learning_rate") == true)
        #expect(faults("train.warmup_epochs=3").first?.contains("warmup_epochs 3.0 is not below epochs 3") == true)
        #expect(faults("model.channels=1").contains { $0.contains("3 numbers for model.channels 1") })
        #expect(faults("mask.strategy=colour").first?.contains("did you mean \"color\"?") == true)
        #expect(faults("name=../escape").first?.contains("allowed is 1 to 100 letters") == true)
    }

    @Test func targetsOfAFileNeedWholePicturesAndAPath() throws {
        let text = """
            {"palimpsest": 1, "name": "c", "data": {"source": {"kind": "procedural"}, "image_size": 32},
             "method": {"name": "cae", "targets": "tokens", "tokens": {"source": "file", "path": "t.safetensors"}}}
            """
        func faults(_ changes: String...) -> String {
            do {
                _ = try Recipe.parse(Array(text.utf8), set: changes)
                return ""
            } catch { return "\(error)" }
        }
        #expect(
            faults().contains(
                "data.crop_scale: the tokens of a file belong to whole pictures; set data.crop_scale to null"))
        #expect(faults("data.crop_scale=null").isEmpty)
        #expect(faults("data.crop_scale=null", "data.tiles={}").contains("data.tiles: the tokens of a file belong to"))
        #expect(faults("data.crop_scale=null", #"data.tiles={"placement":"grid"}"#).isEmpty)
        #expect(faults(#"method.tokens={"source":"codebook"}"#).contains("path is missing"))
        #expect(faults("method.tokens=null").contains("targets \"tokens\" needs \"tokens\""))
        let recipe = try Recipe.parse(Array(text.utf8), set: ["data.crop_scale=null"])
        #expect(recipe.model.qkvBias == .noKey && recipe.model.layerScale == 0.1 && recipe.model.dropPath == 0.1)
        #expect(recipe.model.positionOrder == .rowFirst && recipe.mask is BlockMasking)
        #expect(
            recipe.train.schedule is ClosedWarmupCosineOptions && recipe.train.clipNorm == 3
                && (recipe.train.optimizer as? AdamWOptions)?.betas == [0.9, 0.999])
    }

    @Test func aMethodHasItsOwnDefaultsForOtherSections() throws {
        let text = """
            {"palimpsest": 1, "name": "m", "data": {"source": {"kind": "procedural"}, "image_size": 32},
             "model": {"qkv_bias": "qkv"}, "mask": {"radius": 3}, "method": {"name": "mfm"}, "train": {"warmup_epochs": 2}}
            """
        let recipe = try Recipe.parse(Array(text.utf8))
        #expect(recipe.model.position == .learned && recipe.model.qkvBias == .all)
        #expect((recipe.mask as? FrequencyMasking)?.radius == 3)
        #expect(
            recipe.train.schedule is WholeRunCosineOptions && recipe.train.schedule.warmupEpochs == 2
                && recipe.train.clipNorm == 3)
        #expect {
            try Recipe.parse(Array(text.utf8), set: ["method.pretext=sr"])
        } throws: { "\($0)".contains("method \"mfm\" cannot use \"frequency\"; it takes \"none\"") }
        _ = try Recipe.parse(Array(text.utf8), set: ["method.pretext=sr", #"mask={"strategy":"none"}"#])
    }

    @Test func cropsAreResizedAsTheMethodsPaperDoesUnlessARecipeSaysElse() throws {
        func filter(_ method: String, _ mask: String, _ data: String = "{}") throws -> ResamplingFilter {
            let text = """
                {"palimpsest": 1, "name": "kernel", "data": \(data), "method": {"name": "\(method)"},
                 "model": {"patch_size": 4, "width": 48, "depth": 1, "heads": 3}, "mask": {\(mask)}}
                """
            let data = try Recipe.parse(Array(text.utf8)).data
            return data.trainingTransform(channels: 3, normalization: .imageNet).filter
        }
        let blocks = #""strategy": "multiblock", "min_keep": 4"#
        #expect(try filter("mae", #""strategy": "random""#) == .bicubic)
        #expect(try filter("ijepa", blocks) == .bilinear)
        #expect(try filter("ijepa", blocks, #"{"interpolation": "bicubic"}"#) == .bicubic)
    }

    @Test func severalFaultsComeTogether() {
        #expect(faults("seed=-1", "train.epochs=0", "data.flipp=true").count == 3)
    }

    @Test func versionAndNameAreRequired() {
        #expect {
            try Recipe.parse(Array("{}".utf8))
        } throws: { "\($0)".contains("$.palimpsest: the key is missing") && "\($0)".contains("$.name") }
    }

    /// As where an installation is made of links.
    @Test func recipesAreFoundBehindALink() throws {
        let home = try TemporaryFolder()
        let manager = FileManager.default
        try manager.createDirectory(atPath: home.path + "/kept/deep", withIntermediateDirectories: true)
        try home.write([], "kept/deep/one.json")
        try manager.createSymbolicLink(atPath: home.path + "/recipes", withDestinationPath: "kept")
        let found = RecipeLibrary.recipes(in: home.path + "/recipes")
        #expect(found.map(\.name) == ["deep/one.json"])
        #expect(found.map(\.path) == [home.path + "/recipes/deep/one.json"])
    }

    @Test func everyOptionHasARow() {
        func check<Section: RecipeSection>(_ section: Section) {
            let properties = Section.fields.reduce(0) { $0 + $1.properties }
            #expect(Mirror(reflecting: section).children.count == properties, "\(Section.self)")
        }
        check(Recipe())
        check(TrainOptions())
        check(LogOptions())
        check(DataOptions())
        check(EncoderOptions())
        for method in pretrainingMethods { check(method.init()) }
    }
}
