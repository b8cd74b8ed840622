import Evaluation
import Foundation
import TestSupport
import Testing

/// Features are computed once, and again wherever anything differs.
struct FeatureCacheTests {
    private let table = FeatureTable(
        features: [1, 2, 3, 4, 5, 6], dimension: 3, labels: [1, 0], classNames: ["cat", "dog"], keys: ["a", "b"],
        provenance: ["layer": "6"])

    private func key(_ encoder: String = "e", pooling: String = "mean") -> FeatureCache.Key {
        FeatureCache.Key(what: "pretrained-train", encoder: encoder, settings: ["pooling": pooling, "pictures": "p"])
    }

    /// How often features are computed for a key.
    private func computed(_ cache: FeatureCache, _ key: FeatureCache.Key) throws -> Int {
        var count = 0
        let made = try cache.table(key) {
            count += 1
            return table
        }
        #expect(made == table)
        return count
    }

    @Test func featuresAreKeptUntilTheEncoderIsAnother() throws {
        let home = try TemporaryFolder()
        let cache = FeatureCache(home.path + "/features")
        #expect(try computed(cache, key()) == 1)
        #expect(try computed(cache, key()) == 0)
        #expect(try computed(cache, key(pooling: "class")) == 1)
        try home.write([1], "features/mine.safetensors")
        #expect(try computed(cache, key("f")) == 1)
        #expect(try computed(cache, key()) == 1, "what no encoder of the run has any more is removed")
        let names = try FileManager.default.contentsOfDirectory(atPath: home.path + "/features")
        #expect(names.contains("mine.safetensors") && names.filter(FeatureCache.isName).count == 2)
    }

    @Test func whatIsDamagedIsComputedAnew() throws {
        let home = try TemporaryFolder()
        let cache = FeatureCache(home.path)
        #expect(try computed(cache, key()) == 1)
        let name = try #require(try home.names().first { FeatureCache.isName($0) })
        let good = try home.read(name)
        var changed = good
        changed[good.count - 20] ^= 1
        for bytes in [changed, Array(good.dropLast(3)), [], Array("something else".utf8)] {
            try home.write(bytes, name)
            #expect(try computed(cache, key()) == 1)
            #expect(try computed(cache, key()) == 0)
        }
    }

    @Test func featuresThatCannotBeKeptAreGivenAndToldSo() throws {
        let home = try TemporaryFolder()
        try home.write([1], "file")
        var notes: [String] = []
        let made = try FeatureCache(home.path + "/file").table(key(), note: { notes.append($0) }) { table }
        #expect(made == table && notes.count == 1 && notes[0].contains("not kept"))
    }
}
