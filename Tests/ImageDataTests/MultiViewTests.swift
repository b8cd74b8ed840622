import ImageData
import RandomStreams
import Testing

/// Global and local views of one picture.
struct MultiViewTests {
    private let picture = DecodedImage(
        height: 20, width: 24, channels: 3, samples: .uint8((0..<1440).map { UInt8($0 * 7 % 251) }))

    private func transform(
        globals: Int = 2, locals: Int = 3, local: ImageSize? = ImageSize(height: 8, width: 4), channels: Int = 3,
        flip: Bool = true, _ change: (inout MultiViewOptions) -> Void = { _ in }
    ) -> any ImageTransform {
        var options = MultiViewOptions()
        change(&options)
        return MultiView(options: options, globals: globals, locals: locals, localSize: local).makeTransform(
            ViewContext(
                channels: channels, size: ImageSize(height: 12, width: 8), flip: flip,
                normalization: Normalization(mean: [0], deviation: [1])))
    }

    private func views(
        _ transform: any ImageTransform, of picture: DecodedImage, seed: UInt64
    ) throws -> [Float] {
        let numbers = transform(picture, random: RandomStream(seed: seed))
        return try #require(numbers)
    }

    /// Only the crop is drawn.
    private func still(_ options: inout MultiViewOptions) {
        options.jitterProbability = 0
        options.grayProbability = 0
        options.blurProbability = 0
        options.solarizeProbability = 0
    }

    @Test func viewsAreFunctionsOfTheStreamEachWithItsOwn() throws {
        let transform = transform()
        let one = try views(transform, of: picture, seed: 3)
        let again = try views(transform, of: picture, seed: 3)
        let other = try views(transform, of: picture, seed: 4)
        #expect(one.count == 2 * 288 + 3 * 96 && one == again && one != other)
        #expect(one.allSatisfy { $0 >= 0 && $0 <= 1 })
        #expect(Array(one[..<288]) != Array(one[288..<576]))
        // A view does not depend on how many there are.
        let more = try views(self.transform(locals: 5), of: picture, seed: 3)
        #expect(Array(more[..<one.count]) == one)
        #expect(transform.viewSizes.map(\.spoken) == ["12 x 8", "12 x 8", "8 x 4", "8 x 4", "8 x 4"])
    }

    @Test func oneOperationDoesNotMoveTheDrawsOfAnother() throws {
        func views(_ change: (inout MultiViewOptions) -> Void) throws -> [Float] {
            let transform = transform(locals: 0) {
                still(&$0)
                change(&$0)
            }
            return try self.views(transform, of: picture, seed: 5)
        }
        let plain = try views { _ in }
        let solarized = try views { $0.solarizeProbability = 1 }
        for (a, b) in zip(plain, solarized) {
            let byte = (a * 255).rounded()
            #expect(abs(b * 255 - (byte >= 128 ? 255 - byte : byte)) < 0.01)
        }
    }

    @Test func localViewsShowLess() throws {
        // A ramp from left to right: the range of a view says how much of the width it shows.
        let ramp = DecodedImage(
            height: 64, width: 64, channels: 1, samples: .uint8((0..<4096).map { UInt8($0 % 64 * 4) }))
        let transform = transform(globals: 1, locals: 1, local: ImageSize(height: 12, width: 8), channels: 1) {
            still(&$0)
            $0.cropScale = [0.9, 1]
        }
        for seed in 0..<20 {
            let views = try views(transform, of: ramp, seed: UInt64(seed))
            func range(_ view: ArraySlice<Float>) -> Float { (view.max() ?? 0) - (view.min() ?? 0) }
            #expect(range(views[..<96]) > 0.6 && range(views[96...]) < 0.65)
        }
    }

    private func expect(_ count: Int, of all: Int, share: Double) {
        let deviation = (share * (1 - share) / Double(all)).squareRoot()
        #expect(abs(Double(count) / Double(all) - share) < 5 * deviation, "\(count) of \(all), expected \(share)")
    }

    @Test func everyOperationHasItsChance() throws {
        let flat = DecodedImage(
            height: 12, width: 12, channels: 3,
            samples: .uint8(
                (0..<144).flatMap { pixel -> [UInt8] in [UInt8(40 + pixel % 3), 90, UInt8(200 - pixel % 5)] }))
        func changed(flip: Bool = false, _ change: (inout MultiViewOptions) -> Void) throws -> Int {
            let plain = transform(globals: 1, locals: 0, flip: false) { still(&$0) }
            let transform = transform(globals: 1, locals: 0, flip: flip) {
                still(&$0)
                change(&$0)
            }
            return try (0..<400).count { seed in
                try views(transform, of: flat, seed: UInt64(seed)) != views(plain, of: flat, seed: UInt64(seed))
            }
        }
        expect(try changed { $0.jitterProbability = 0.7 }, of: 400, share: 0.7)
        expect(try changed { $0.grayProbability = 0.3 }, of: 400, share: 0.3)
        expect(try changed { $0.blurProbability = 0.6 }, of: 400, share: 0.6)
        expect(try changed { $0.solarizeProbability = 0.2 }, of: 400, share: 0.2)
        expect(try changed(flip: true) { _ in }, of: 400, share: 0.5)
        #expect(try changed { _ in } == 0)
    }

    @Test func picturesOfOtherChannelsAreNeitherJitteredNorMadeGray() throws {
        for channels in [1, 5] {
            let picture = DecodedImage(
                height: 12, width: 12, channels: channels,
                samples: .uint8((0..<144 * channels).map { UInt8($0 * 3 % 250) }))
            func views(_ change: (inout MultiViewOptions) -> Void) throws -> [Float] {
                let transform = transform(channels: channels) {
                    still(&$0)
                    change(&$0)
                }
                return try self.views(transform, of: picture, seed: 2)
            }
            let plain = try views { _ in }
            #expect(
                try views {
                    $0.jitterProbability = 1
                    $0.grayProbability = 1
                } == plain)
            #expect(try views { $0.blurProbability = 1 } != plain)
        }
    }

    @Test func aBlurOfFixedTapsKeepsFlatPicturesAndMirrorsEdges() {
        var flat = [Float](repeating: 0.25, count: 5 * 6)
        ColourOperations.blur(&flat, sigma: 1.5, taps: 7, height: 5, width: 6, channels: 1)
        #expect(flat.allSatisfy { abs($0 - 0.25) < 1e-6 })
        // Three taps of nearly equal weight on 1, 0, 0: the pixel beyond the edge is the second one.
        var edge: [Float] = [1, 0, 0, 1, 0, 0]
        ColourOperations.blur(&edge, sigma: 1000, taps: 3, height: 2, width: 3, channels: 1)
        #expect(zip(edge, [1, 1, 0, 1, 1, 0]).allSatisfy { abs($0 - $1 / 3) < 1e-4 })
    }

    @Test func theLoaderHandsOutViewsOfTheirSizes() throws {
        let batches = try LoaderTests.firstBatches(of: transform())
        #expect(batches[0].shape == [4, 3, 12, 8])
        #expect(batches[0].otherShapes == [[4, 3, 12, 8]] + [[Int]](repeating: [4, 3, 8, 4], count: 3))
        for (view, shape) in zip(batches[0].otherViews, batches[0].otherShapes) {
            #expect(view.count == shape.reduce(1, *) && Set(view).count > view.count / 8)
        }
        #expect(batches[0].images == batches[1].images && batches[0].otherViews == batches[1].otherViews)
    }
}
