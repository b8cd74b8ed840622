import ImageData
import RandomStreams
import Testing

@Suite struct PictureTests {
    @Test func grayIsRepeatedAndColourIsWeighted() throws {
        let gray = DecodedImage(height: 1, width: 2, channels: 1, samples: .uint8([10, 200]))
        #expect(gray.converted(toChannels: 3)?.samples == .uint8([10, 10, 10, 200, 200, 200]))
        let colour = DecodedImage(height: 1, width: 1, channels: 3, samples: .uint8([255, 0, 0]))
        #expect(colour.converted(toChannels: 1)?.samples == .uint8([76]))
        let white = DecodedImage(height: 1, width: 1, channels: 3, samples: .uint16([65535, 65535, 65535]))
        #expect(white.converted(toChannels: 1)?.samples == .uint16([65535]))
        let twelve = DecodedImage(
            height: 1, width: 1, channels: 12, samples: .uint16([UInt16](repeating: 9, count: 12)))
        #expect(twelve.converted(toChannels: 12) == twelve && twelve.converted(toChannels: 3) == nil)
    }

    @Test func sixteenBitsAreRoundedToEight() {
        let values: [UInt16] = [0, 128, 129, 257, 32767, 65406, 65407, 65535]
        let image = DecodedImage(height: 1, width: values.count, channels: 1, samples: .uint16(values))
        #expect(image.bytes() == values.map { UInt8((Double($0) / 257).rounded()) })
        #expect(image.unitSamples().last == 1)
    }

    @Test func pngReadsBackWhatWasWritten() throws {
        var random = RandomStream(seed: 5)
        for channels in [1, 3] {
            let bytes = (0..<(7 * 9 * channels)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
            let file = try PNGEncoder.encode(bytes, height: 7, width: 9, channels: channels)
            let image = try ImageDecoder().decode(file, path: "made").image
            #expect(image == DecodedImage(height: 7, width: 9, channels: channels, samples: .uint8(bytes)))
        }
    }

    @Test func turningTwiceByOppositeOrientationsGivesThePictureBack() {
        let image = DecodedImage(height: 2, width: 3, channels: 1, samples: .uint8([1, 2, 3, 4, 5, 6]))
        #expect(image.turned(.rotatedClockwise).samples == .uint8([4, 1, 5, 2, 6, 3]))
        let opposites: [ImageOrientation: ImageOrientation] = [
            .rotatedClockwise: .rotatedCounterclockwise, .rotatedCounterclockwise: .rotatedClockwise,
        ]
        for orientation in ImageOrientation.allCases {
            #expect(image.turned(orientation).turned(opposites[orientation] ?? orientation) == image)
        }
    }

    @Test(arguments: [1, 2, 3, 4, 12])
    func channelsAreResizedAlike(channels: Int) {
        var random = RandomStream(seed: 6)
        let bytes = (0..<(19 * 23)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        let one = DecodedImage(height: 19, width: 23, channels: 1, samples: .uint8(bytes))
        let many = DecodedImage(
            height: 19, width: 23, channels: channels,
            samples: .uint8(bytes.flatMap { [UInt8](repeating: $0, count: channels) }))
        let small = Resampling.resize(one, height: 8, width: 31)
        #expect(
            Resampling.resize(many, height: 8, width: 31).bytes()
                == small.bytes().flatMap { [UInt8](repeating: $0, count: channels) })
    }

    @Test func sixteenBitPicturesAreResizedWithoutRounding() {
        let image = DecodedImage(height: 2, width: 2, channels: 1, samples: .uint16([0, 1, 1, 0]))
        let resized = Resampling.resize(image, height: 1, width: 1, filter: .box)
        #expect(resized.samples == .float32([0.5 / 65535]))
    }

    @Test func aPictureOfTheRightSizeIsTakenAsItIs() throws {
        let bytes = (0..<27).map { UInt8($0 * 9) }
        let image = DecodedImage(height: 3, width: 3, channels: 3, samples: .uint8(bytes))
        let transform = EvaluationTransform(shape: (3, 3, 3), normalization: Normalization(mean: [0], deviation: [1]))
        let values = try #require(transform(image, random: RandomStream(seed: 0)))
        for (i, value) in values.enumerated() {
            let place = i % 9 * 3 + i / 9
            #expect(value == Float(bytes[place]) / 255)
        }
    }

    @Test func smallPicturesArePaddedWithZerosBeforeNormalisation() {
        let image = DecodedImage(height: 1, width: 1, channels: 1, samples: .uint8([255]))
        let values = Normalization(mean: [0.5], deviation: [0.5]).normalized(
            image, height: 2, width: 3, top: -1, left: -1)
        #expect(values == [-1, -1, -1, -1, 1, -1])
    }

    @Test func theMirrorDoesNotMoveTheCrop() throws {
        let source = ProceduralSource(part: .train, count: 40)
        let plain = Normalization(mean: [0], deviation: [1])
        func transform(flip: Bool) -> TrainingTransform {
            TrainingTransform(
                shape: (3, 8, 8), crop: RandomResizedCrop(scale: 0.2...1), flip: flip, normalization: plain)
        }
        var mirrored = 0
        for i in 0..<40 {
            let image = try source.image(i)
            let stream = RandomStream(seed: 9).child(i)
            let kept = try #require(transform(flip: false)(image, random: stream))
            let turned = try #require(transform(flip: true)(image, random: stream))
            let opposite = (0..<kept.count).map { (place: Int) -> Float in
                let row = place / 8
                return kept[row * 8 + 7 - place % 8]
            }
            #expect(turned == kept || turned == opposite)
            if turned == opposite { mirrored += 1 }
        }
        #expect((8...32).contains(mirrored))
    }

    @Test func manyUnlikelyShapesCropInsideThePicture() {
        var random = RandomStream(seed: 10)
        let crop = RandomResizedCrop(scale: 0.01...1)
        for (height, width) in [(1, 1), (1, 500), (500, 1), (3, 2520), (2, 3), (224, 224)] {
            for _ in 0..<200 {
                let (r, tries) = crop.rectangle(height: height, width: width) { _ in
                    (random.uniformDouble(), random.uniformDouble(), random.uniformDouble(), random.uniformDouble())
                }
                #expect(r.fits(height: height, width: width) && (0...10).contains(tries))
            }
        }
    }

    @Test(arguments: [(30, 90), (90, 30), (5, 7), (40, 3), (24, 24), (64, 64)])
    func evaluationIsResizeThenCrop(height: Int, width: Int) throws {
        var random = RandomStream(seed: 11)
        let bytes = (0..<(height * width * 3)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        let image = DecodedImage(height: height, width: width, channels: 3, samples: .uint8(bytes))
        let got = EvaluationTransform(shape: (3, 32, 24), normalization: .imageNet)(image, random: random)
        let place = CentreCrop(crop: (32, 24)).geometry(height: height, width: width)
        let resized = Resampling.resize(image, height: place.height, width: place.width)
        #expect(
            got == Normalization.imageNet.normalized(resized, height: 32, width: 24, top: place.top, left: place.left))
    }

    @Test func aLongThinPictureDoesNotBecomeAHugeOne() throws {
        // Resized whole, it would have 256 x 16,768,000 pixels.
        for (height, width) in [(1, 65_500), (65_500, 1)] {
            let image = DecodedImage(
                height: height, width: width, channels: 1, samples: .uint8([UInt8](repeating: 255, count: 65_500)))
            let transform = EvaluationTransform(
                shape: (1, 224, 224), normalization: Normalization(mean: [0], deviation: [1]))
            #expect(transform(image, random: RandomStream(seed: 0))?.allSatisfy { $0 == 1 } == true)
        }
    }
}
