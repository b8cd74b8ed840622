import ImageData
import RandomStreams
import Testing

/// Two views of one picture.
struct TwoViewTests {
    private let picture = DecodedImage(
        height: 10, width: 12, channels: 3, samples: .uint8((0..<360).map { UInt8($0 * 7 % 251) }))

    private func transform(_ change: (inout TwoViewOptions) -> Void = { _ in }, flip: Bool = true) -> TwoViewTransform {
        var options = TwoViewOptions()
        change(&options)
        return TwoViewTransform(
            shape: (3, 8, 8), options: options, flip: flip, normalization: Normalization(mean: [0], deviation: [1]))
    }

    @Test func bothViewsAreFunctionsOfTheStream() throws {
        let transform = transform()
        let one = try #require(transform(picture, random: RandomStream(seed: 3)))
        let again = try #require(transform(picture, random: RandomStream(seed: 3)))
        let other = try #require(transform(picture, random: RandomStream(seed: 4)))
        #expect(one.count == 2 * 3 * 8 * 8 && one == again && one != other)
        #expect(Array(one[..<192]) != Array(one[192...]))
        #expect(one.allSatisfy { $0 >= 0 && $0 <= 1 })
    }

    @Test func withoutBorderMirrorAndColourTheViewsDifferInPlaceAlone() throws {
        let still = transform(
            {
                $0.pad = 0; $0.jitterProbability = 0; $0.oneOf = []
            }, flip: false)
        let square = DecodedImage(
            height: 8, width: 8, channels: 3, samples: .uint8((0..<192).map { UInt8($0) }))
        let views = try #require(still(square, random: RandomStream(seed: 1)))
        #expect(Array(views[..<192]) == Array(views[192...]))
        #expect(views[0] == 0 && abs(views[1] - 3.0 / 255) < 1e-6)
    }

    @Test func bordersAreReflectedWithoutRepeatingTheEdge() {
        let row = DecodedImage(height: 1, width: 4, channels: 1, samples: .uint8([10, 20, 30, 40]))
        let left = TwoViewTransform.reflected(row, pad: 2, top: 2, left: 0, height: 1, width: 4, mirrored: false)
        #expect(left.bytes() == [30, 20, 10, 20])
        let right = TwoViewTransform.reflected(row, pad: 2, top: 2, left: 4, height: 1, width: 4, mirrored: true)
        #expect(right.bytes() == [20, 30, 40, 30])
    }

    @Test func picturesWithoutColourAreBlurredOrSolarisedOnly() throws {
        let gray = DecodedImage(height: 8, width: 8, channels: 1, samples: .uint8((0..<64).map { UInt8($0 * 3) }))
        let transform = TwoViewTransform(
            shape: (1, 8, 8), options: TwoViewOptions(), flip: false,
            normalization: Normalization(mean: [0], deviation: [1]))
        for seed in 0..<8 {
            let views = try #require(transform(gray, random: RandomStream(seed: UInt64(seed))))
            #expect(views.count == 128 && views.allSatisfy { $0 >= 0 && $0 <= 1 })
        }
    }

    @Test func theLoaderHandsOutBothViews() throws {
        let source = ProceduralSource(part: .train, count: 12)
        let transform = TwoViewTransform(
            shape: (3, 32, 32), options: TwoViewOptions(), flip: true, normalization: .imageNet)
        var batches: [ImageBatch] = []
        for threads in [0, 2] {
            let loader = try Loader(
                source: source, transform: transform, batchSize: 4, random: RandomStream(seed: 1), corruptLimit: 0.1,
                threads: threads)
            batches.append(try loader.next())
            loader.stop()
        }
        #expect(batches[0].otherViews.count == 1 && batches[0].otherViews[0].count == batches[0].images.count)
        #expect(batches[0].images == batches[1].images && batches[0].otherViews == batches[1].otherViews)
        #expect(batches[0].images != batches[0].otherViews[0])
    }
}
