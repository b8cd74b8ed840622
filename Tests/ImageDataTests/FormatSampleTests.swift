import Foundation
import ImageData
import TestSupport
import Testing

/// What a file of `datasets/format-samples` must give.
struct FormatSample: Decodable, Sendable, CustomTestStringConvertible {
    var must: String
    var reason: String?
    var keys: [String]?
    var labels: [Int?]?
    var classes: [String]?
    var shape: [Int]?
    var values: [Double]?
    var coarse: [Int]?
    var fine: [Int]?
    var first_pixels_red: [UInt8]?
    var name: String? = nil

    var testDescription: String { name ?? "" }

    /// All of them where the shared folder is; else the few that are shipped.
    static let all = read(SharedFiles.collection("format-samples"))

    static func read(_ folder: URL) -> [FormatSample] {
        struct File: Decodable { var files: [String: FormatSample] }
        guard let text = try? Data(contentsOf: folder.appendingPathComponent("expected.json")),
            let file = try? JSONDecoder().decode(File.self, from: text)
        else { return [] }
        return file.files.map { name, sample in
            var sample = sample
            sample.name = name
            return sample
        }.sorted { ($0.name ?? "") < ($1.name ?? "") }
    }
}

struct FormatSampleTests {
    private static func url(_ name: String) -> String {
        SharedFiles.collection("format-samples").appendingPathComponent(name).path
    }

    @Test func thereAreAllOfThem() {
        #expect(FormatSample.read(SharedFiles.shipped("format-samples")).count == 19)
        #expect(FormatSample.all.count == (SharedFiles.isPresent ? 51 : 19))
    }

    @Test(arguments: FormatSample.all)
    func sampleReadsAsItMustOrFailsAsItMust(_ sample: FormatSample) throws {
        let path = Self.url(try #require(sample.name))
        do throws(ImageError) {
            if path.hasSuffix(".idx") {
                check(try IDXArray(file: path), sample)
            } else if path.hasSuffix(".bin") {
                try checkCIFAR(path, sample)
            } else {
                check(try ShardSource(path), sample)
            }
            #expect(sample.must == "read", "read, but must fail")
        } catch {
            #expect(sample.must == "error", "\(error)")
            #expect(error.reason.rawValue == sample.reason, "\(error)")
        }
    }

    private func check(_ array: IDXArray, _ sample: FormatSample) {
        #expect(array.shape == sample.shape)
        let count = array.shape.reduce(1, *)
        #expect((0..<count).map(array.number) == sample.values)
    }

    private func check(_ source: ShardSource, _ sample: FormatSample) {
        if let keys = sample.keys { #expect((0..<source.count).map(source.key) == keys) }
        if let classes = sample.classes { #expect(source.labelNames == classes) }
        if let labels = sample.labels { #expect((0..<source.count).map(source.label) == labels) }
        for index in 0..<source.count {
            #expect(throws: Never.self) { try source.image(index) }
        }
    }

    private func checkCIFAR(_ path: String, _ sample: FormatSample) throws(ImageError) {
        let isHundred = path.contains("cifar100")
        let fine = try CIFARSource(files: [path], variant: isHundred ? .cifar100 : .cifar10)
        let coarse = try CIFARSource(files: [path], variant: isHundred ? .cifar100 : .cifar10, labels: .coarse)
        #expect((0..<fine.count).compactMap(fine.label) == sample.fine)
        #expect((0..<coarse.count).compactMap(coarse.label) == sample.coarse)
        var red: [UInt8] = []
        for index in 0..<fine.count { red.append(try fine.image(index).bytes()[0]) }
        #expect(red == sample.first_pixels_red)
    }

    @Test(.enabled(if: SharedFiles.isPresent))
    func bracesCountThroughShards() throws {
        let source = try ShardSource(Self.url("range-{000..011}.tar"))
        #expect(source.count == 12)
        #expect((0..<12).map(source.label) == Array(0..<12))
        #expect(throws: ImageError.self) { try ShardSource(Self.url("range-{000..012}.tar")) }
    }

    @Test(.enabled(if: SharedFiles.isPresent))
    func missingShardIsNamed() throws {
        let error = try #require(throws: ImageError.self) { try ShardSource(Self.url("range-{010..012}.tar")) }
        #expect(error.reason == .io && error.path.hasSuffix("range-012.tar"))
    }

    @Test(.enabled(if: SharedFiles.isPresent))
    func cifarBinarySampleIsTheKnownOne() throws {
        let folder = SharedFiles.url("datasets/cifar10-binary-sample").path
        let source = try CIFARSource(files: ["\(folder)/data_batch_1.bin"], variant: .cifar10)
        #expect(source.count == 1000)
        #expect(source.label(0) == 6 && source.labelNames?[6] == "frog")
        let first = try source.image(0)
        #expect((0..<4).map { first.bytes()[3 * $0] } == [59, 43, 50, 68])
        var counts = [Int](repeating: 0, count: 10)
        for i in 0..<1000 { counts[try #require(source.label(i))] += 1 }
        #expect(counts == [102, 112, 99, 92, 99, 85, 107, 102, 99, 103])
        #expect(zip(first.channelMeans(), [141.205, 105.100, 64.037]).allSatisfy { abs($0 * 255 - $1) < 0.001 })
    }

    @Test(.enabled(if: SharedFiles.isPresent))
    func mnistTestFilesReadThroughGzip() throws {
        let folder = SharedFiles.url("datasets/mnist").path
        let source = try IDXSource(
            images: "\(folder)/t10k-images-idx3-ubyte.gz", labels: "\(folder)/t10k-labels-idx1-ubyte.gz")
        #expect(source.count == 10_000)
        var counts = [Int](repeating: 0, count: 10)
        for i in 0..<source.count { counts[try #require(source.label(i))] += 1 }
        #expect(counts == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009])
        let image = try source.image(0)
        #expect(image.height == 28 && image.width == 28 && image.channels == 1)
    }
}
