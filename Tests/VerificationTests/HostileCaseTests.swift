import Autodiff
import Checkpoints
import Foundation
import RecipeSchema
import TestSupport
import Testing
import Verification

/// Cases come from elsewhere: whatever numbers they hold, an error must come of it. Most of these ended the process once.
struct HostileCaseTests {
    private static let golden = SharedFiles.packageRoot.appendingPathComponent("Tests/Golden").path

    /// Why a changed case is refused; nil where it is computed.
    private func fault(
        _ name: String, _ change: (inout GoldenCase.Parts) throws -> Void
    ) throws -> String? {
        let whole = try GoldenCase(folder: "\(Self.golden)/\(name)")
        var parts = GoldenCase.Parts(json: whole.json, tensors: whole.tensors)
        try change(&parts)
        let verifier = Verifier(engine: try Engine(threads: 1))
        do {
            return verifier.run(try GoldenCase(folder: whole.folder, json: parts.json, tensors: parts.tensors)).error
        } catch { return "\(error)" }
    }

    @Test(arguments: [
        ("mae/patch_order", "options.patch_size=5"), ("mae/patch_order", "options.patch_size=-1"),
        ("mae/patch_order", "options.patch_size=65536"), ("mae/pixel_target", "options.patch_size=8"),
        ("mae/random_mask", "recipe.mask.ratio=2"), ("mae/random_mask", "recipe.mask.ratio=-1e300"),
        ("mae/schedules", "schedules.plain.epochs=1e300"), ("mae/schedules", "schedules.plain.epochs=-1"),
        ("mae/mask_statistics", "statistics.patches=1048577"), ("mae/mask_statistics", "statistics.ratio=-1"),
        ("mae/finetune_mixing", "recipe.evaluator.classes=1"), ("mae/finetune_mixing", "recipe.evaluator.classes=0"),
        ("mae/pretrain_rowfirst_ties", "recipe.mask.ratio=1"),
        ("mae/pretrain_rowfirst_ties", "recipe.model.heads=1000"),
        ("mae/pretrain_rowfirst_ties", "recipe.model.patch_size=4096"),
        ("mae/pretrain_rowfirst_ties", "recipe.model.width=65536"),
        ("mae/pretrain_rowfirst_ties", "recipe.train.trace_steps=1e9"),
        ("mae/pretrain_rowfirst_ties", "recipe.train.betas=[0.9]"),
        ("colormae/bank_windows", "recipe.mask.grid=[0,8]"), ("colormae/bank_windows", "recipe.mask.grid=[64,64]"),
        ("dmtjepa/aux_select", "recipe.selections=[{\"grid\":[1000000,1000000],\"window\":3,\"border\":\"clip\"}]"),
        ("ijepa/aux_mask_reference", "recipe.masks=[{\"grid\":[0,0],\"batch\":4}]"),
        ("cae/aux-attentive-head", "recipe.probe.heads=-3"), ("cae/aux-attentive-head", "recipe.probe.classes=1"),
        ("cae/aux-codebook-tokens", "recipe.model.patch_size=0"),
        ("lut/aux-view-operations", "recipe.pad=1000"), ("lut/aux-view-operations", "recipe.solarize_threshold=-1"),
        ("lut/nonorm-pred0", "recipe.train.accumulate=0"),
        ("lejepa/multicrop", "recipe.method.global_views=1"), ("lejepa/multicrop", "recipe.method.local_views=4"),
        ("lejepa/multicrop", "recipe.method.local_size=[4,8]"), ("lejepa/multicrop", "recipe.method.local_size=65500"),
        ("lejepa/multicrop", "recipe.method.local_size=null"), ("lejepa/multicrop", "recipe.model.position=learned"),
        ("lejepa/multicrop", "recipe.method.projector_hidden=65536"),
        ("lejepa/multicrop", "recipe.method.slices=65536"), ("lejepa/multicrop", "recipe.method.embedding=65536"),
        ("lejepa/multicrop", "recipe.train.accumulate=3"),
        ("lejepa/aux_sigreg", "recipe.items=[{}]"), ("lejepa/aux_sigreg", "recipe.items=[]"),
        ("lejepa/aux_sigreg", "recipe.items=[{\"slices\":12,\"knots\":16,\"knot_max\":3}]"),
        ("lejepa/aux_sigreg", "recipe.items=[{\"slices\":12,\"knots\":17,\"knot_max\":-3}]"),
        ("lejepa/aux_objective", "recipe.items=[{\"slices\":7,\"global_views\":0}]"),
        ("lejepa/aux_objective", "recipe.items=[{\"slices\":7,\"global_views\":5}]"),
        ("lejepa/aux_blur", "recipe.items=[{\"sigma\":1,\"taps\":19}]"),
        ("lejepa/aux_blur", "recipe.items=[{\"sigma\":0,\"taps\":7}]"),
        ("lejepa/aux_blur", "recipe.items=[{\"sigma\":1,\"taps\":4}]"),
        ("maskalign/aux_targets", "recipe.layers=-1"), ("maskalign/import_mfm", "recipe.teacher.patch_size=0"),
        ("diagnostics/attention", "recipe.grid=[0,0]"),
    ])
    func damagedTextIsRefused(name: String, assignment: String) throws {
        let found = try fault(name) { try $0.json.set(assignment) }
        #expect(found != nil, "\(name): \(assignment)")
    }

    @Test func drawsOutsideTheirRangeAreRefused() throws {
        for (name, tensor) in [
            ("ijepa/aux_mask_unbiased", "draw/0/uniforms"), ("cae/aux-block-mask", "draw/0/block"),
            ("data/train-transform", "draw/0/uniform"),
        ] {
            for value: Float in [.nan, 1e30, -1, 1.5] {
                let found = try fault(name) { parts in
                    let stored = try #require(parts.tensors[tensor])
                    parts.tensors[tensor] = StoredTensor(
                        [Float](repeating: value, count: stored.count), shape: stored.shape)
                }
                #expect(found != nil, "\(name), \(value)")
            }
        }
    }

    @Test func picturesThatAreNoneAreRefused() throws {
        for name in ["mfm/aux_noise", "mae/patch_order", "cae/aux-codebook-tokens"] {
            let found = try fault(name) { parts in
                let stored = try #require(parts.tensors["in/images"])
                parts.tensors["in/images"] = StoredTensor(
                    [Float](repeating: .nan, count: stored.count), shape: stored.shape)
            }
            #expect(found != nil, "\(name)")
            let flat = try fault(name) { parts in
                let stored = try #require(parts.tensors["in/images"])
                parts.tensors["in/images"] = StoredTensor(stored.floats())
            }
            #expect(flat != nil, "\(name)")
        }
    }
}

extension GoldenCase {
    /// What a case is made of.
    fileprivate struct Parts {
        var json: JSONValue
        var tensors: SafetensorsFile
    }
}
