import Checkpoints
import Evaluation
import ImageData
import RandomStreams
import RecipeSchema
import Testing

@Suite struct TableTests {
    @Test func aTableReadsBackFromItsFile() throws {
        let table = FeatureTable(
            features: [1, 2, 3, 4, 5, 6], dimension: 3, labels: [1, 0], classNames: ["cat", "dog"],
            keys: ["a/1.png", "b\"2"], provenance: ["layer": "12", "pool": "mean"])
        let file = try Safetensors.read(Safetensors.bytes(of: table.file))
        #expect(file["features"]?.shape == [2, 3])
        #expect(file["labels"]?.dtype == .int64)
        #expect(try FeatureTable(file, path: "f") == table)
    }

    @Test func textReadsBackToTheSameNumbers() {
        let features: [Float] = [0.1, -1e-9, 3.4028235e38, 1 / 3, 0, -0.0, 16_777_216, .leastNonzeroMagnitude]
        let table = FeatureTable(
            features: features, dimension: 2, labels: [1, 0, 0, 2], classNames: ["cat", "a \"dog\""],
            keys: ["a/1.png", "b,2.png", " c\n.png", "d"])
        let text = String(decoding: table.csv, as: UTF8.self)
        #expect(text.hasPrefix("key,label,f0,f1\na/1.png,\"a \"\"dog\"\"\",0.1,"))
        #expect(text.contains("\n\"b,2.png\",cat,") && text.contains("\n\" c\n.png\",cat,") && text.contains("\nd,2,"))
        let numbers = text.split(separator: "\n").flatMap {
            $0.split(separator: ",").suffix(2).compactMap { Float($0) }
        }
        #expect(numbers.map(\.bitPattern) == features.map(\.bitPattern))
        let plain = FeatureTable(features: [1, 2], dimension: 1)
        #expect(String(decoding: plain.csv, as: UTF8.self) == "key,label,f0\n0,,1.0\n1,,2.0\n")
    }

    @Test(arguments: [1, 3, 1000]) func arraysReadBackToTheSameNumbers(count: Int) throws {
        let features = (0..<count * 5).map { Float($0) / 7 }
        let bytes = FeatureTable(features: features, dimension: 5).npy
        #expect((bytes.count - 4 * features.count) % 64 == 0)
        let image = try ImageDecoder().decode(bytes, path: "f.npy").image
        #expect(image.height == count && image.width == 5 && image.channels == 1 && image.samples == .float32(features))
    }

    @Test func filesOfOtherThingsAreErrors() {
        func fault(_ tensors: [(String, StoredTensor)], _ metadata: [String: String] = [:]) -> String? {
            #expect(throws: EvaluationError.self) {
                try FeatureTable(
                    SafetensorsFile(tensors.map { (name: $0.0, tensor: $0.1) }, metadata: metadata), path: "f")
            }?.description
        }
        let features = ("features", StoredTensor([Float(1), 2], shape: [2, 1]))
        #expect(
            fault([("w", features.1)]) == "f: has no tensor \"features\" of two axes; it is not a file of features")
        #expect(
            fault([features, ("labels", StoredTensor([Int32(1)]))])
                == "f: \"labels\" is not a list of 2 integers from 0 to 65535")
        #expect(fault([features], ["keys": "[\"a\"]"]) == "f: has 1 keys for 2 rows of features")
        #expect(fault([features], ["keys": "nope"]) == "f: the metadata \"keys\" is not a JSON list")
    }

    @Test func aRowSaysWhatOtherProgramsRead() {
        let score = ProbeScore(
            name: "dino-knn", outcomes: [true, true, true, false], chosen: .object([("k", JSONValue(20))]), train: 12)
        let row = score.row(features: "raw-pixels")
        #expect(row["protocol"]?.string == "dino-knn")
        #expect(row["features"]?.string == "raw-pixels")
        #expect(row["accuracy"]?.double == 0.75)
        #expect(row["interval"]?.array?.count == 2)
        #expect(row["chosen"] == .object([("k", JSONValue(20))]))
        #expect(row["train"]?.int == 12)
        #expect(row["test"]?.int == 4)
    }

    @Test func theReportSaysByHowMuch() {
        func scores(_ hits: Int) -> [ProbeScore] {
            let outcomes = (0..<1000).map { $0 < hits }
            let shots = JSONValue.object([("shots", JSONValue(5))])
            return [
                ProbeScore(name: "dino-knn", outcomes: outcomes, chosen: .object([]), train: 10),
                ProbeScore(
                    name: "fewshot-lsr", accuracy: Double(hits) / 2000, chosen: shots, train: 10, test: 1000),
            ]
        }
        let report = ProbeReport([
            .init(features: "pretrained", scores: scores(700)), .init(features: "raw-pixels", scores: scores(600)),
        ])
        #expect(
            report.text(random: RandomStream(seed: 1)) == """
                protocol                pretrained  raw-pixels
                dino-knn                70.0 ± 2.8  60.0 ± 3.0
                fewshot-lsr, 5 a class  35.0 ± 3.0  30.0 ± 2.8
                dino-knn: pretrained is better by 10.0 ± 1.8 points than raw-pixels
                fewshot-lsr, 5 a class: pretrained is better by 5.0 points than raw-pixels
                """)
        #expect(report.rows.count == 4)
    }

    @Test func rawPixelsAreTheNumbersOfTheEvaluationTransform() throws {
        let source = Stripes(count: 70, height: 8, width: 6)
        let transform = EvaluationTransform(
            shape: (3, 8, 6), normalization: Normalization(mean: [0.5], deviation: [0.25]))
        let table = try SourceFeatures.rawPixels(source, transform: transform)
        #expect(table.count == 70)
        #expect(table.dimension == 144)
        let third = try transform(source.image(3), random: RandomStream(seed: 0))
        #expect([Float](table.features[(3 * 144)..<(4 * 144)]) == third)
        #expect(table.labels == (0..<70).map { $0 % 2 })
        #expect(table.keys[3] == "3")
        #expect(table.provenance["size"] == "8x6")
    }

    @Test func largePicturesAreShrunkByAveraging() throws {
        let source = Stripes(count: 2, height: 128, width: 64)
        let transform = EvaluationTransform(
            shape: (3, 128, 64), normalization: Normalization(mean: [0], deviation: [1]))
        let table = try SourceFeatures.rawPixels(source, transform: transform)
        #expect(table.provenance["size"] == "45x22")
        #expect(table.dimension == 3 * 45 * 22)
        let pixels = try #require(transform(source.image(1), random: RandomStream(seed: 0)))
        let mean = pixels.reduce(0, +) / Float(pixels.count)
        let own = table.features[table.dimension...]
        #expect(abs(own.reduce(0, +) / Float(own.count) - mean) < 0.01)
    }
}

@Suite struct SkippedPictureTests {
    private let transform = EvaluationTransform(
        shape: (3, 4, 4), normalization: Normalization(mean: [0.5], deviation: [0.5]))

    @Test func unreadablePicturesAreLeftOutAndNamed() throws {
        let whole = try SourceFeatures.rawPixels(Stripes(count: 5, height: 4, width: 4), transform: transform)
        let source = Stripes(count: 5, height: 4, width: 4, unreadable: [1, 3])
        let table = try SourceFeatures.rawPixels(source, transform: transform, policy: .skip)
        #expect(table.features == whole.rows([0, 2, 4]).features)
        #expect(table.keys == ["0", "2", "4"] && table.labels == [0, 0, 0])
        let skipped = try #require(table.provenance["skipped"])
        #expect(skipped.contains(#""key": "1""#) && skipped.contains(#""key": "3""#) && skipped.contains("torn"))
        #expect(try FeatureTable(table.file, path: "x").provenance["skipped"] == skipped)
        #expect(throws: ImageError.self) { try SourceFeatures.rawPixels(source, transform: transform) }
    }
}

/// Pictures whose rows brighten, by their number.
private struct Stripes: ImageSource {
    let count: Int
    let height: Int
    let width: Int
    var unreadable: Set<Int> = []
    let labelNames: [String]? = ["even", "odd"]
    let fingerprint = "stripes"

    func image(_ index: Int) throws(ImageError) -> DecodedImage {
        if unreadable.contains(index) { throw ImageError(.corrupt, path: "", member: key(index), "torn") }
        let samples = (0..<(height * width * 3)).map { UInt8(truncatingIfNeeded: index + $0 / (width * 3)) }
        return DecodedImage(height: height, width: width, channels: 3, samples: .uint8(samples))
    }

    func label(_ index: Int) -> Int? { index % 2 }
    func key(_ index: Int) -> String { String(index) }
}
