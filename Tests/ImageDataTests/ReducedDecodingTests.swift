import Foundation
import ImageData
import RandomStreams
import TestSupport
import Testing

/// JPEGs decoded at a fraction of their size for training crops.
@Suite(.enabled(if: SharedFiles.isPresent))
struct ReducedDecodingTests {
    /// A folder with the JPEG of a golden case.
    private func folder() throws -> ImageFolder {
        let path = FileManager.default.temporaryDirectory.path + "/reduced-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let bytes = try GoldenTensors("jpeg-scaled").bytes("in/0/jpeg")
        try Data(bytes).write(to: URL(fileURLWithPath: path + "/a.jpg"))
        return try ImageFolder(flat: path, decoder: ImageDecoder())
    }

    private func transform(side: Int) -> TrainingTransform {
        var transform = TrainingTransform(
            shape: (3, side, side), crop: RandomResizedCrop(scale: 0.5...1), flip: true, normalization: .imageNet)
        transform.decodesSmall = true
        return transform
    }

    @Test func theFractionIsTheSmallestThatKeepsTheCropLargeEnough() throws {
        let whole = try folder().image(0)
        let side = min(whole.height, whole.width) / 6
        var transform = transform(side: side)
        for seed in 0..<20 {
            let random = RandomStream(seed: UInt64(seed))
            let factor = transform.reduction(height: whole.height, width: whole.width, random: random)
            #expect([2, 4].contains(factor))  // half of the area or more: each side is 0.6 of 6 sides at least
        }
        transform.decodesSmall = false
        #expect(transform.reduction(height: 4000, width: 4000, random: RandomStream(seed: 1)) == 1)
    }

    @Test func theCropShowsTheSamePlace() throws {
        let source = try folder()
        let whole = try source.image(0)
        let transform = transform(side: min(whole.height, whole.width) / 6)
        for seed in 0..<10 {
            let random = RandomStream(seed: UInt64(seed))
            let small = try source.image(
                0, draw: PictureDraw(reduction: { transform.reduction(height: $0, width: $1, random: random) }))
            let reduction = try #require(small.reduction)
            #expect(reduction.height == whole.height && small.height < whole.height)
            let want = try #require(transform(whole, random: random))
            let got = try #require(transform(small, random: random))
            // Numbers are in deviations of ImageNet, about 58 gray levels each.
            let gap = zip(got, want).reduce(0) { $0 + abs($1.0 - $1.1) } / Float(want.count)
            let mean = want.reduce(0, +) / Float(want.count)
            let spread = want.reduce(0) { $0 + abs($1 - mean) } / Float(want.count)
            #expect(gap > 0 && gap < 0.5 * spread, "seed \(seed): \(gap) of \(spread)")
        }
    }

    @Test func evaluationAndPlainReadingNeverReduce() throws {
        let source = try folder()
        #expect(try source.image(0).reduction == nil)
        let whole = try source.image(0)
        let evaluation = EvaluationTransform(shape: (3, 4, 4), normalization: .imageNet)
        #expect(evaluation.reduction(height: whole.height, width: whole.width, random: RandomStream(seed: 0)) == 1)
    }
}
