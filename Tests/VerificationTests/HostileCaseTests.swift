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

    @Test func casesAreFoundBehindALink() throws {
        let home = try TemporaryFolder()
        let link = home.path + "/link"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: Self.golden + "/mae")
        #expect(Verifier.folders(below: link).contains(link + "/patch_order"))
    }

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
        ("simmim/model_per_block_norm_target", "recipe.mask.ratio=2"),
        ("simmim/model_per_block_norm_target", "recipe.mask.ratio=1"),
        ("simmim/model_per_block_norm_target", "recipe.mask.unit=0"),
        ("simmim/model_per_block_norm_target", "recipe.mask.unit=-4"),
        ("simmim/model_per_block_norm_target", "recipe.mask.unit=7"),
        ("simmim/model_per_block_norm_target", "recipe.mask.unit=16"),
        ("simmim/model_per_block_norm_target", "recipe.method.norm_target=4"),
        ("simmim/model_per_block_norm_target", "recipe.method.norm_target=-3"),
        ("simmim/model_per_block_norm_target", "recipe.model.heads=1000"),
        ("simmim/model_per_block_norm_target", "recipe.model.position=rope"),
        ("simmim/model_per_block_norm_target", "recipe.model.drop_path=0.5"),
        ("simmim/model_per_block_norm_target", "recipe.train.accumulate=-1"),
        ("simmim/aux_masks", "recipe.masks=[{}]"),
        ("simmim/aux_masks", "recipe.masks=[{\"image_size\":[4,4],\"patch_size\":8,\"unit\":8,\"ratio\":0.5}]"),
        ("simmim/aux_norm_target", "recipe.windows=[2]"), ("simmim/aux_norm_target", "recipe.windows=[1e9]"),
        ("simmim/aux_schedule", "recipe.schedules={\"a\":{\"micro_batches_per_epoch\":1e300,\"epochs\":1e300}}"),
        ("crossmae/model_all_hidden", "recipe.mask.ratio=2"), ("crossmae/model_all_hidden", "recipe.mask.ratio=1"),
        ("crossmae/model_all_hidden", "recipe.mask.predicted_ratio=0.7"),
        ("crossmae/model_all_hidden", "recipe.mask.predicted_ratio=-1"),
        ("crossmae/model_all_hidden", "recipe.mask.unit=8"),
        ("crossmae/model_all_hidden", "recipe.method.feature_blocks=[0,3]"),
        ("crossmae/model_all_hidden", "recipe.method.feature_blocks=[0,-3]"),
        ("crossmae/model_all_hidden", "recipe.method.feature_blocks=[]"),
        ("crossmae/model_all_hidden", "recipe.method.decoder_heads=1000"),
        ("crossmae/model_all_hidden", "recipe.method.decoder_width=65536"),
        ("crossmae/model_all_hidden", "recipe.model.position=none"),
        ("crossmae/model_all_hidden", "recipe.model.qkv_bias=qv"),
        ("crossmae/model_all_hidden", "recipe.model.relative_position_bias=shared"),
        ("crossmae/aux_split", "recipe.masks=[{\"ratio\":0.5,\"predicted_ratio\":0.75}]"),
        ("crossmae/aux_split", "recipe.masks=[{}]"),
        ("capi/narrow_predictor", "recipe.method.clusters=1"), ("capi/narrow_predictor", "recipe.method.clusters=2e9"),
        ("capi/narrow_predictor", "recipe.method.clusters=1000000"),
        ("capi/narrow_predictor", "recipe.method.predictor_heads=4"),
        ("capi/narrow_predictor", "recipe.method.predictor_width=0"),
        ("capi/narrow_predictor", "recipe.method.sinkhorn_iterations=0"),
        ("capi/narrow_predictor", "recipe.method.target_temperature=0"),
        ("capi/narrow_predictor", "recipe.method.drop_path=0.5"),
        ("capi/narrow_predictor", "recipe.model.registers=1e9"),
        ("capi/narrow_predictor", "recipe.model.registers=-4"),
        ("capi/narrow_predictor", "recipe.model.position=sincos"),
        ("capi/narrow_predictor", "recipe.model.heads=1000"),
        ("capi/narrow_predictor", "recipe.train.total_updates=0"),
        ("capi/aux_masks", "recipe.items=[{\"grid\":[0,4],\"batch\":1}]"),
        (
            "capi/aux_masks",
            "recipe.items=[{\"grid\":[2,2],\"batch\":1,\"ratio\":0,\"predict_share\":1,\"min_aspect\":1}]"
        ),
        ("capi/aux_sinkhorn", "recipe.items=[{\"iterations\":1e9,\"temperature\":1}]"),
        ("capi/aux_sinkhorn", "recipe.items=[{\"iterations\":3,\"temperature\":0}]"),
        ("capi/aux_clustering", "recipe.items=[{\"cells\":1e9}]"),
        ("capi/aux_positions", "recipe.items=[{\"grid\":[2,3],\"head_width\":6,\"registers\":0}]"),
        ("mae/pretrain_rowfirst_ties", "recipe.model.position=rope"),
        ("mae/pretrain_rowfirst_ties", "recipe.model.relative_position_bias=per_block"),
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
            ("data/train-transform", "draw/0/uniform"), ("capi/aux_masks", "draw/0/uniforms"),
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

    /// Finished masks of CAPI: cells outside the grid, twice, or none at all.
    @Test func cellsThatAreNoneAreRefused() throws {
        for name in ["visible", "predict"] {
            func fault(_ change: ([Int64], [Int]) -> StoredTensor) throws -> String? {
                try self.fault("capi/narrow_predictor") { parts in
                    for key in parts.tensors.tensors.keys where key.hasSuffix("/\(name)") && key.hasPrefix("draw/") {
                        let stored = try #require(parts.tensors[key])
                        parts.tensors[key] = change(
                            try #require(stored.integers()).map { Int64($0) }, Array(stored.shape))
                    }
                }
            }
            #expect(try fault { StoredTensor($0, shape: $1) } == nil, "the case itself, written again")
            for cell: Int64 in [-1, 15, .max, .min] {
                #expect(try fault { StoredTensor($0.map { _ in cell }, shape: $1) } != nil, "\(name), \(cell)")
            }
            #expect(try fault { StoredTensor($0.map { _ in Int64(3) }, shape: $1) } != nil, "\(name), one cell for all")
            #expect(try fault { StoredTensor([Int64](), shape: [$1[0], 0]) } != nil, "\(name), none")
            #expect(try fault { StoredTensor(Array($0.dropLast($1[1])), shape: [$1[0] - 1, $1[1]]) } != nil, "\(name)")
        }
    }

    /// Scores that tell what is hidden must be numbers, one for each square of each picture.
    @Test func scoresThatAreNoneAreRefused() throws {
        for name in ["simmim/model_per_block_norm_target", "crossmae/model_all_hidden"] {
            for shape in [nil, [1, 1]] as [[Int]?] {
                let found = try fault(name) { parts in
                    for key in parts.tensors.tensors.keys where key.hasSuffix("noise") {
                        let stored = try #require(parts.tensors[key])
                        let wanted = shape ?? Array(stored.shape)
                        parts.tensors[key] = StoredTensor(
                            [Float](repeating: .nan, count: wanted.reduce(1, *)), shape: wanted)
                    }
                }
                #expect(found != nil, "\(name), \(shape ?? [])")
            }
        }
    }

    @Test func picturesThatAreNoneAreRefused() throws {
        for name in ["mfm/aux_noise", "mae/patch_order", "cae/aux-codebook-tokens", "crossmae/model_all_hidden"] {
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
