import Autodiff
import Evaluation
import Foundation
import ImageData
import Pretraining
import RandomStreams
import RecipeSchema
import RunReports
import TestSupport
import Testing

/// Maps of pictures as pages and as folders for others.
struct AtlasTests {
    private static let count = 12

    /// An atlas of built-in pictures with features of noise; the third is a copy of the first.
    private func atlas(keys: [String]? = nil, equal: Bool = false) throws -> Atlas {
        var random = RandomStream(seed: 7)
        var features = (0..<Self.count * 4).map { _ in equal ? Float(1) : Float(random.uniform()) }
        features.replaceSubrange(8..<12, with: features[0..<4])
        let table = FeatureTable(
            features: features, dimension: 4, labels: (0..<Self.count).map { $0 % 3 },
            classNames: ["</script><b>", "a\tb", "c"], keys: keys ?? (0..<Self.count).map { "\($0).png" })
        var options = Exploration.Options()
        options.shown = Atlas.neighbours
        options.queries = Array(0..<Self.count)
        let engine = try Engine(threads: 2)
        let found = try Exploration(
            table, digests: (0..<Self.count).map { "\($0 == 2 ? 0 : $0)" }, options, random: RandomStream(seed: 1),
            on: engine)
        let text = """
            {"palimpsest": 1, "name": "small", "data": {"source": {"kind": "procedural", "count": 16}, "image_size": 16,
             "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2]}, "model": {"patch_size": 4, "width": 16, "depth": 1, "heads": 1}}
            """
        let folder = try TestSupport.TemporaryFolder()
        try folder.write(Array(text.utf8), "recipe.json")
        return try Atlas(
            found, ProceduralSource(part: .train, count: Self.count, size: 16), RunFolder(folder.path).recipe(),
            EvaluationTransform(
                shape: (3, 16, 16),
                normalization: Normalization(mean: [0.5, 0.5, 0.5], deviation: [0.2, 0.2, 0.2])),
            on: engine, onProgress: { _, _, _ in })
    }

    /// What the script of a page reads.
    private func data(_ page: String) throws -> JSONValue {
        let parts = page.components(separatedBy: "id=\"atlas-data\">")
        let text = try #require(parts.last?.components(separatedBy: "</script>").first)
        return try JSONParser.parse(Array(text.utf8))
    }

    private func numbers(_ text: String?) throws -> [Float] {
        let bytes = try #require(text.flatMap { Data(base64Encoded: $0) })
        return bytes.withUnsafeBytes { raw in
            (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self) }
        }
    }

    @Test func thePageHoldsEveryPictureAndNothingEndsItsScript() throws {
        let names = (0..<Self.count).map { $0 == 4 ? "</script><script>alert(1)</script>" : "\($0).png" }
        let page = String(
            decoding: try atlas(keys: names).page(title: "<Atlas>", about: "of \"some\" & <others>"), as: UTF8.self)
        #expect(!page.contains("alert(1)</script>") && !page.contains("<others>") && page.contains("&lt;Atlas&gt;"))
        #expect(page.components(separatedBy: "<script").count == 3)
        let read = try data(page)
        #expect(read["names"]?.array?.compactMap(\.string) == names)
        #expect(read["classes"]?.array?.compactMap(\.string) == ["</script><b>", "a\tb", "c"])
        #expect(read["labels"]?.array?.compactMap(\.int) == (0..<Self.count).map { $0 % 3 })
        #expect(read["clusters"]?.array?.count == Self.count && read["unusual"]?.array?.count == Self.count)
        let places = try numbers(read["places"]?.string)
        #expect(places.count == 2 * Self.count && places.allSatisfy { (0...1).contains($0) })
        // The copy lies where its original does.
        #expect(places[4] == places[0] && places[5] == places[1])
        #expect(try numbers(read["cosines"]?.string).count == Atlas.neighbours * Self.count)
    }

    @Test func smallPicturesLieInTheirPlacesOfTheSprite() throws {
        let page = String(decoding: try atlas().page(title: "a", about: "b"), as: UTF8.self)
        let read = try data(page)
        #expect(read["columns"]?.int == 4 && read["width"]?.int == 16 && read["height"]?.int == 16)
        let start = try #require(page.components(separatedBy: "data:image/jpeg;base64,").last)
        let bytes = try #require(start.components(separatedBy: "\"").first.flatMap { Data(base64Encoded: $0) })
        let sprite = try ImageDecoder().decode(Array(bytes), path: "sprite").image
        #expect(sprite.width == 64 && sprite.height == 48 && sprite.channels == 3)
        let samples = sprite.bytes()
        let source = ProceduralSource(part: .train, count: Self.count, size: 16)
        var error = 0.0
        for number in 0..<Self.count {
            let picture = try source.image(number).bytes()
            for y in 0..<16 {
                for x in 0..<48 {
                    let place = ((number / 4 * 16 + y) * 64 + number % 4 * 16) * 3 + x
                    error += abs(Double(samples[place]) - Double(picture[y * 48 + x]))
                }
            }
        }
        // What JPEG loses; a picture in another's place would differ by far more.
        #expect(error / Double(Self.count * 768) < 8, "\(error / Double(Self.count * 768))")
    }

    @Test func theProjectorGetsARowAPicture() throws {
        let files = try atlas().projectorFiles()
        #expect(files.map(\.name) == ["features.tsv", "metadata.tsv", "sprite.png", "projector_config.pbtxt"])
        let metadata = String(decoding: files[1].bytes, as: UTF8.self).split(separator: "\n")
        #expect(metadata.count == Self.count + 1)
        #expect(metadata.allSatisfy { $0.split(separator: "\t", omittingEmptySubsequences: false).count == 4 })
        #expect(metadata[2].hasSuffix("\ta b"))
        let vectors = String(decoding: files[0].bytes, as: UTF8.self).split(separator: "\n")
        #expect(vectors.count == Self.count && vectors[0] == vectors[2] && vectors[0] != vectors[1])
        for file in files { #expect(ProjectorFiles.content(file.name) != nil) }
    }

    @Test func featuresThatAreAllTheSameHaveNoMap() throws {
        let error = #expect(throws: EvaluationError.self) { try atlas(equal: true) }
        #expect(error?.description.contains("no map of them") == true)
        #expect(throws: EvaluationError.self) { try Atlas.require(Atlas.most + 1) }
        try Atlas.require(Atlas.most)
    }
}
