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
        let transform = TwoViewTransform(
            shape: (3, 32, 32), options: TwoViewOptions(), flip: true, normalization: .imageNet)
        let batches = try LoaderTests.firstBatches(of: transform)
        #expect(batches[0].otherViews.count == 1 && batches[0].otherViews[0].count == batches[0].images.count)
        #expect(batches[0].images == batches[1].images && batches[0].otherViews == batches[1].otherViews)
        #expect(batches[0].images != batches[0].otherViews[0])
    }

    /// The second views of many streams, of a picture that each change shows on, beside the untouched first.
    private func views(_ count: Int, _ change: (inout TwoViewOptions) -> Void) throws -> [(
        first: [Float], second: [Float]
    )] {
        let still = transform(
            {
                $0.pad = 0; $0.jitterProbability = 0; $0.oneOf = []
                change(&$0)
            }, flip: false)
        let square = DecodedImage(
            height: 8, width: 8, channels: 3, samples: .uint8((0..<192).map { UInt8(40 + $0 * 37 % 120) }))
        return try (0..<count).map { seed in
            let both = try #require(still(square, random: RandomStream(seed: UInt64(seed))))
            return (Array(both[..<192]), Array(both[192...]))
        }
    }

    private func expect(_ count: Int, of all: Int, share: Double) {
        let deviation = (share * (1 - share) / Double(all)).squareRoot()
        #expect(abs(Double(count) / Double(all) - share) < 5 * deviation, "\(count) of \(all), expected \(share)")
    }

    @Test func colourJitterHasItsChanceAndItsStrength() throws {
        let jittered = try views(1200) {
            $0.jitterProbability = 0.6
            $0.jitter = [0.4, 0, 0, 0]
        }
        // Brightness multiplies; the largest number of the picture is 159 / 255, so that nothing is cut.
        let factors = jittered.map { Double($0.second[0] / $0.first[0]) }
        for (view, factor) in zip(jittered, factors) {
            #expect(zip(view.first, view.second).allSatisfy { abs(Double($1) - factor * Double($0)) < 1e-5 })
        }
        let changed = factors.filter { abs($0 - 1) > 1e-5 }
        expect(changed.count, of: factors.count, share: 0.6)
        expect(changed.count { $0 < 1 }, of: changed.count, share: 0.5)
        #expect((changed.min() ?? 1) < 0.62 && (changed.max() ?? 1) > 1.38 && changed.allSatisfy { 0.6...1.4 ~= $0 })
    }

    @Test func theSecondViewGetsExactlyOneOfTheOperations() throws {
        func solarized(_ view: [Float]) -> [Float] { view.map { $0 * 255 >= 127.5 ? 1 - $0 : $0 } }
        let all = try views(900) {
            $0.oneOf = [.gray, .solarize, .blur]
            $0.blurRadius = [1, 1]
        }
        var counts = [0, 0, 0]
        for (first, second) in all {
            let planes = (0..<3).map { Array(second[$0 * 64..<($0 + 1) * 64]) }
            let isGray = planes[0] == planes[1] && planes[1] == planes[2]
            let isSolarized = zip(solarized(first), second).allSatisfy { abs($0 - $1) < 1e-5 }
            #expect(first != second && !(isGray && isSolarized))
            counts[isGray ? 0 : isSolarized ? 1 : 2] += 1
        }
        for count in counts { expect(count, of: 900, share: 1 / 3) }
        #expect(
            try views(20) { $0.oneOf = [.solarize] }.allSatisfy { first, second in
                zip(solarized(first), second).allSatisfy { abs($0 - $1) < 1e-5 }
            })
    }

    @Test func blursAreAsWideAsTheirRangeSays() throws {
        // How much of its contrast a picture loses grows with the deviation of the blur.
        func contrast(_ radius: [Double]) throws -> [Float] {
            try views(60) {
                $0.oneOf = [.blur]
                $0.blurRadius = radius
            }.map { first, second in
                let spread = { (values: [Float]) in (values.max() ?? 0) - (values.min() ?? 0) }
                return spread(second) / spread(first)
            }
        }
        let (narrow, wide, both) = try (contrast([0.4, 0.4]), contrast([1.5, 1.5]), contrast([0.4, 1.5]))
        #expect(Set(narrow).count == 1 && Set(wide).count == 1 && narrow[0] > wide[0] + 0.1)
        #expect(both.allSatisfy { wide[0]...narrow[0] ~= $0 } && Set(both).count > 40)
    }
}
