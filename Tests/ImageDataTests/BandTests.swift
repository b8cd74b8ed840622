import Foundation
import ImageData
import RandomStreams
import TestSupport
import Testing

private struct Pictures: ImageSource {
    var pictures: [DecodedImage]
    var count: Int { pictures.count }
    let labelNames: [String]? = nil
    let fingerprint = "pictures"
    func image(_ index: Int) throws(ImageError) -> DecodedImage { pictures[index] }
    func label(_ index: Int) -> Int? { nil }
    func key(_ index: Int) -> String { "picture-\(index)" }
}

private func picture(_ samples: DecodedImage.Samples, height: Int = 1, channels: Int = 1) -> DecodedImage {
    DecodedImage(
        height: height, width: samples.count / height / channels, channels: channels, samples: samples)
}

/// What is promised of any number of bands and any type of numbers.
@Suite struct BandTests {
    @Test func theSmallestNumberOfATypeIsZeroAndTheLargestOne() {
        #expect(picture(.uint8([0, 255])).unitSamples() == [0, 1])
        #expect(picture(.int8([-128, 127])).unitSamples() == [0, 1])
        #expect(picture(.uint16([0, 65535])).unitSamples() == [0, 1])
        #expect(picture(.int16([-32768, 32767, 0])).unitSamples() == [0, 1, 32768.0 / 65535])
        #expect(picture(.uint32([0, .max])).unitSamples() == [0, 1])
        #expect(picture(.int32([.min, .max])).unitSamples() == [0, 1])
        #expect(picture(.float32([-3, 1e6])).unitSamples() == [-3, 1e6], "floats are never scaled or clipped")
    }

    @Test(arguments: [1, 2, 4, 13, 64])
    func everyBandIsCutMirroredAndNormalisedLikeTheOthers(bands: Int) throws {
        let (height, width) = (9, 11)
        let values = (0..<height * width * bands).map { Int16(truncatingIfNeeded: $0 * 7919) }
        let image = picture(.int16(values), height: height, channels: bands)
        let constants = Normalization(
            mean: (0..<bands).map { Double($0) / 64 }, deviation: (0..<bands).map { 1 + Double($0) })
        // A crop of the picture's own size, so that each number can be told from the stored one.
        var transform = TrainingTransform(
            shape: (bands, height, width), crop: RandomResizedCrop(scale: 1...1, ratio: 11.0 / 9...11.0 / 9),
            flip: true, normalization: constants)
        transform.filter = .bilinear
        let streams = (0..<8).map { RandomStream(seed: 4).child($0) }
        #expect(Set(streams.map { transform.mirrors(random: $0) }).count == 2)
        for random in streams {
            let mirrored = transform.mirrors(random: random)
            let made = try #require(transform(image, random: random))
            for (place, number) in made.enumerated() {
                let (band, row, column) = (place / (height * width), place / width % height, place % width)
                let from = (row * width + (mirrored ? width - 1 - column : column)) * bands + band
                let unit = (Double(values[from]) + 32768) / 65535
                #expect(abs(Double(number) - (unit - constants.mean[band]) / constants.deviation[band]) < 1e-6)
            }
        }
    }

    @Test func aSourceOfOtherBandsIsMeasuredAndNeverGuessed() throws {
        let image = picture(.int16([0, 100, -100, 200, 50, 0, 7, 7]), channels: 2)
        var options = DataOptions()
        options.source = ImagesSourceOptions()
        options.valueRange = .measured
        let made = try options.resolved(
            cards: DatasetCards(folders: []), source: Pictures(pictures: [image]), channels: 2)
        #expect(made.options.valueRange == .numbers(low: -100, high: 200))
        // Band 0 holds 0, −100, 50, 7; band 1 holds 100, 200, 0, 7.
        let means = [(-43.0 / 4 + 100) / 300, (307.0 / 4 + 100) / 300]
        #expect(zip(made.options.mean ?? [], means).allSatisfy { abs($0 - $1) < 1e-9 })
        let plain = try DataOptions().with { $0.source = ImagesSourceOptions() }.resolved(
            cards: DatasetCards(folders: []), source: Pictures(pictures: [image]), channels: 2)
        #expect(plain.warnings.count == 1 && plain.warnings[0].contains("-100 to 200"), "\(plain.warnings)")
        let error = try #require(throws: ImageError.self) { try Pictures(pictures: [image]).image(0, channels: 3) }
        #expect(error.reason == .channels && error.message.contains("model.channels=2"))
    }

    @Test func numbersThatAreNotFiniteAndBandsOfOneNumberAreCounted() throws {
        let good = picture(.float32([1, 5, 2, 6]), channels: 2)
        let bad = picture(.float32([.nan, 5, .infinity, 5]), channels: 2)
        let summary = SourceSummary(of: Pictures(pictures: [good, bad, good]), threads: 1)
        #expect(summary.notFinite.pictures == 1 && summary.notFinite.count == 2)
        #expect(summary.notFinite.examples == ["picture-1"] && summary.constantBands.pictures == 1)
        #expect(summary.warnings.count == 3 && summary.warnings[0].contains("`picture-1`"))
        #expect(summary.duplicates.pictures == 1 && summary.duplicates.examples == ["picture-2"])
        #expect(summary.normalization?.mean == [1.5, 32.0 / 6], "numbers that are not finite do not take part")
        let same = picture(.int16([3, 3]))
        let constant = SourceSummary(of: Pictures(pictures: [same, same]), threads: 1)
        #expect(constant.warnings.contains { $0.contains("band 0, counted from 0, is 3.0 in all pictures") })
    }

    @Test func aPictureWithNumbersThatAreNotFiniteIsReplacedInTraining() throws {
        let good = picture(.float32([1]))
        let bad = picture(.float32([.nan]))
        let source = Pictures(pictures: [good, good, bad, good])
        let loader = try Loader(
            source: source,
            transform: TrainingTransform(
                shape: (1, 1, 1), crop: nil, flip: false, normalization: Normalization(mean: [0], deviation: [1])),
            batchSize: 4, random: RandomStream(seed: 1), corruptLimit: 0.5, threads: 0)
        let batch = try loader.next()
        #expect(batch.images == [1, 1, 1, 1] && batch.unreadable.map(\.key) == ["picture-2"])
        #expect(batch.unreadable[0].error.message.contains("1 of 1 numbers are NaN or infinite"))
    }
}

extension DataOptions {
    fileprivate func with(_ change: (inout DataOptions) -> Void) -> DataOptions {
        var changed = self
        change(&changed)
        return changed
    }
}
