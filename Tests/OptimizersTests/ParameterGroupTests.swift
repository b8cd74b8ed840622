import Foundation
import Optimizers
import TestSupport
import Testing

@Suite struct ParameterGroupTests {
    @Test func matricesAreDecayedAndTokensOnlyByTheOfficialRule() {
        let cases: [(name: String, axes: Int, rules: [Bool])] = [
            ("blocks.0.attn.qkv.weight", 2, [true, true, true]), ("blocks.0.attn.qkv.bias", 1, [false, false, false]),
            ("norm.weight", 1, [false, false, false]), ("patch_embed.proj.weight", 4, [true, true, true]),
            ("odd.bias", 2, [false, false, false]), ("cls_token", 3, [true, false, false]),
            ("mask_token", 3, [true, false, true]), ("pos_embed", 3, [true, false, false]),
        ]
        for (name, axes, expected) in cases {
            let found = [DecayRule.matrices, .matricesButTokens, .fineTuning].map { $0.decays(name, axes: axes) }
            #expect(found == expected, "\(name)")
        }
    }

    private struct Case: Decodable {
        struct Group: Decodable {
            var layer: Int
            var lr_scale: Double
            var weight_decay: Double
        }
        var groups: [String: Group]
    }

    @Test(.enabled(if: SharedFiles.isPresent)) func layersAreTheOfficialOnes() throws {
        let file = SharedFiles.url("golden/mae/finetune_layer_decay/case.json")
        let groups = try JSONDecoder().decode(Case.self, from: Data(contentsOf: file)).groups
        let layers = LayerDecay(depth: 4, decay: 0.65)
        #expect(groups.count > 50)
        for (name, group) in groups {
            #expect(layers.layer(of: name) == group.layer, "\(name)")
            #expect(abs(layers.scale(of: name) - group.lr_scale) < 1e-15, "\(name)")
            let axes = name.hasSuffix(".bias") || name.contains("norm") ? 1 : 2
            #expect(DecayRule.fineTuning.decays(name, axes: axes) == (group.weight_decay > 0), "\(name)")
        }
    }
}
