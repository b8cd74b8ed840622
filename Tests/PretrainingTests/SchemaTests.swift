import Foundation
import ImageMasking
import Pretraining
import PretrainingMethods
import RecipeSchema
import TestSupport
import Testing

/// The schema against the program: what one refuses, the other refuses, where a schema can say it.
struct SchemaTests {
    private static let schema = Recipe.schemaDocument

    private func faults(_ text: String, _ changes: [String] = []) throws -> [String] {
        var json = try JSONParser.parse(text)
        for change in changes { try json.set(change) }
        return SchemaValidator.faults(json, Self.schema)
    }

    @Test func itUsesNoOtherKeywords() {
        #expect(SchemaValidator.unknownKeywords(Self.schema).isEmpty)
    }

    @Test(arguments: RecipeTests.shipped)
    func itTakesEveryShippedRecipe(path: String) throws {
        let found = try faults(String(contentsOfFile: path, encoding: .utf8))
        #expect(found.isEmpty, "\(found)")
    }

    @Test(arguments: RecipeTests.shipped)
    func itTakesWhatResolvedRecipesSay(path: String) throws {
        let recipe = try Recipe.parse(Array(Data(contentsOf: URL(fileURLWithPath: path))))
        var json = recipe.encoded
        try json.set("resolved_by={\"version\": \"1\", \"digest\": \"0\"}")
        #expect(SchemaValidator.faults(json, Self.schema).isEmpty)
    }

    @Test func itTakesWhatMethodsBringAlong() throws {
        let head = #""palimpsest": 1, "name": "a""#
        for text in [
            #"{\#(head), "mask": {"radius": 3}, "method": {"name": "mfm"}}"#,
            #"{\#(head), "mask": {"min_keep": 3}, "method": {"name": "ijepa"}}"#,
            #"{\#(head), "$schema": "x", "method": {"name": "ijepa"}}"#, #"{\#(head)}"#,
            #"{\#(head), "mask": {"strategy": "color", "schedule": {"begin": "green", "epoch_3": "blue"}}}"#,
            #"{\#(head), "train": {"epochs": 3.0}}"#,
        ] {
            #expect(try faults(text).isEmpty, "\(text)")
            _ = try Recipe.parse(Array(text.utf8), set: ["data.image_size=64"])
        }
    }

    @Test(arguments: [
        ("palimpsest=2", "$.palimpsest"), ("name=a b", "$.name"), ("seed=-1", "$.seed"), ("seed=1.5", "$.seed"),
        ("flip=true", "$.flip"), ("data.image_size=0", "$.data.image_size"),
        ("data.image_size=[1,2,3]", "$.data.image_size"),
        ("data.crop_scale=[0.5]", "$.data.crop_scale"), ("data.crop_scale=[0.5,2]", "$.data.crop_scale"),
        ("data.source.kind=folder", "$.data.source.kind"), ("data.source.path=x", "$.data.source.path"),
        ("data.source.count=0", "$.data.source.count"), ("model.heads=0", "$.model.heads"),
        ("model.width=65537", "$.model.width"), ("model.layer_scale=0", "$.model.layer_scale"),
        ("model.layer_scale=1e300", "$.model.layer_scale"), ("model.drop_path=1", "$.model.drop_path"),
        ("model.num_heads=3", "$.model.num_heads"), ("mask.ration=0.5", "$.mask.ration"),
        ("mask.ratio=1", "$.mask.ratio"),
        ("mask.strategy=green", "$.mask.strategy"), ("mask.strategy=multiblock", "$.mask.strategy"),
        ("mask.sigma=0", "$.mask.sigma"), ("mask.schedule={}", "$.mask.schedule"),
        ("mask.schedule={\"begin\":\"green\",\"epoch_0\":\"red\"}", "$.mask.schedule"),
        ("method.name=colormae", "$.method.name"), ("method.predictor_depth=3", "$.method.predictor_depth"),
        ("method.decoder_depth=\"2\"", "$.method.decoder_depth"), ("train.betas=[0.9]", "$.train.betas"),
        ("train.betas=[0.9,1]", "$.train.betas"), ("train.schedule=cosin", "$.train.schedule"),
        ("log.keep=0", "$.log.keep"),
    ])
    func itRefusesWhatTheProgramRefuses(change: String, place: String) throws {
        #expect(throws: Problems.self) { try Recipe.parse(Array(TinyRun.text.utf8), set: [change]) }
        let found = try faults(TinyRun.text, [change])
        #expect(found.contains { $0.hasPrefix(place) }, "\(change): \(found)")
    }

    @Test func aMaskWithoutAStrategyIsRefusedWhereTheMethodBringsNone() throws {
        for text in [
            #"{"palimpsest": 1, "name": "a", "mask": {"ratio": 0.5}}"#,
            #"{"palimpsest": 1, "name": "a", "mask": {"ratio": 0.5}, "method": {"name": "mae"}}"#,
            #"{"palimpsest": 1, "name": "a", "mask": {"ratio": 0.5}, "method": {"name": "mfm"}}"#,
            #"{"palimpsest": 1, "mask": {}}"#, #"{"name": "a"}"#,
        ] {
            #expect(throws: Problems.self) { try Recipe.parse(Array(text.utf8)) }
            #expect(try !faults(text).isEmpty, "\(text)")
        }
    }
}
