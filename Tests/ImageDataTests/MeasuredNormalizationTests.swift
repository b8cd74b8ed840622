import ImageData
import RecipeSchema
import Testing

private let cards = DatasetCards(folders: [])

/// Pictures of given samples.
private struct Samples: ImageSource {
    var pictures: [DecodedImage]
    var count: Int { pictures.count }
    let labelNames: [String]? = nil
    let fingerprint = "samples"
    func image(_ index: Int) throws(ImageError) -> DecodedImage { pictures[index] }
    func label(_ index: Int) -> Int? { nil }
    func key(_ index: Int) -> String { "\(index)" }
}

private func eightBit(_ values: [UInt8], channels: Int) -> DecodedImage {
    DecodedImage(height: 1, width: values.count / channels, channels: channels, samples: .uint8(values))
}

private func options(_ change: (inout DataOptions) -> Void = { _ in }) -> DataOptions {
    var options = DataOptions()
    options.source = ImagesSourceOptions()
    change(&options)
    return options
}

@Suite struct MeasuredNormalizationTests {
    private let colour = Samples(pictures: [eightBit([0, 128, 255, 255, 0, 10], channels: 3)])
    private let gray = Samples(pictures: [eightBit([0, 255], channels: 1)])
    private let twelveBit = Samples(
        pictures: [DecodedImage(height: 1, width: 2, channels: 1, samples: .uint16([100, 300]))])

    @Test func imageNetsConstantsHoldForEightBitRGBAlone() throws {
        let usual = try options().resolved(cards: cards, source: colour, channels: 3)
        #expect(usual.options.mean == Normalization.imageNet.mean && usual.warnings.isEmpty)
        for channels in [1, 3] {
            let measured = try options().resolved(cards: cards, source: gray, channels: channels)
            #expect(measured.options.mean == [Double](repeating: 0.5, count: channels))
            #expect(measured.options.deviation == [Double](repeating: 0.5, count: channels))
            #expect(measured.notes.contains { $0.contains("measured on 1 pictures of the training part") })
        }
    }

    @Test func anyNumberOfChannelsIsMeasured() throws {
        let four = DecodedImage(height: 1, width: 2, channels: 4, samples: .float32([0, 5, 1, 7, 2, 5, 3, 9]))
        let made = try options().resolved(cards: cards, source: Samples(pictures: [four]), channels: 4).options
        #expect(made.mean == [1, 5, 2, 8] && made.deviation == [1, 1, 1, 1], "a channel that never varies has 1")
        let error = try #require(throws: ImageError.self) {
            try options().resolved(cards: cards, source: gray, channels: 4)
        }
        #expect(error.reason == .channels && error.message.contains("--set model.channels=1"))
    }

    @Test func valuesFarBelowTheirTypeAreToldAndCanBeScaled() throws {
        let plain = try options().resolved(cards: cards, source: twelveBit, channels: 1)
        #expect(plain.warnings.count == 1 && plain.warnings[0].contains("data.value_range=measured"))
        #expect(abs((plain.options.mean?[0] ?? 0) - 200.0 / 65535) < 1e-12 && plain.options.valueRange == nil)
        let scaled = try options { $0.valueRange = .measured }.resolved(cards: cards, source: twelveBit, channels: 1)
        #expect(scaled.options.valueRange == .numbers(low: 100, high: 300) && scaled.warnings.isEmpty)
        #expect(abs((scaled.options.mean?[0] ?? 0) - 0.5) < 1e-9)
        #expect(abs((scaled.options.deviation?[0] ?? 0) - 0.5) < 1e-9)
        // What was measured is left alone when it is resolved again.
        #expect(
            try scaled.options.resolved(cards: cards, source: twelveBit, channels: 1).options.encoded
                == scaled.options.encoded)
    }

    /// Sums of a constant leave a rounding error that is no deviation.
    @Test func aBandThatNeverVariesIsDividedByOne() throws {
        for value: UInt8 in [1, 3, 77, 251] {
            let flat = [UInt8](repeating: value, count: 3001)
            let pictures = [eightBit(flat, channels: 1), eightBit(flat, channels: 1)]
            let made = try options().resolved(cards: cards, source: Samples(pictures: pictures), channels: 1).options
            #expect(made.deviation == [1])
            let scaled = try options { $0.valueRange = .numbers(low: 0, high: 100) }
                .resolved(cards: cards, source: Samples(pictures: pictures), channels: 1).options
            #expect(scaled.deviation == [1])
        }
    }

    /// What is written into the recipe of a run is read again by all that follows.
    @Test func constantsThatNoRecipeMayHoldAreRefused() throws {
        func floats(_ values: [Float]) -> Samples {
            Samples(pictures: [DecodedImage(height: 1, width: values.count, channels: 1, samples: .float32(values))])
        }
        for (values, range) in [
            ([1e-11, 3e-11], nil), ([1e11, 3e11], nil), ([-3.4e38, 1], ValueRange.measured),
        ] as [([Float], ValueRange?)] {
            let error = try #require(throws: ImageError.self) {
                try options { $0.valueRange = range }.resolved(cards: cards, source: floats(values), channels: 1)
            }
            #expect(
                error.message.contains("data.missing_value") && error.message.contains("allowed"), "\(error.message)")
        }
    }

    @Test func aRangeThatIsNoneIsAnError() throws {
        let flat = Samples(pictures: [eightBit([9, 9], channels: 1)])
        let error = try #require(throws: ImageError.self) {
            try options { $0.valueRange = .measured }.resolved(cards: cards, source: flat, channels: 1)
        }
        #expect(error.message.contains("[low, high]"))
    }

    @Test func givenConstantsWin() throws {
        let given = options {
            $0.mean = [0.1]
            $0.deviation = [0.2]
        }
        #expect(try given.resolved(cards: cards, source: twelveBit, channels: 1).options.mean == [0.1])
    }

    @Test func openScalesByTheRange() throws {
        let folder = try TemporaryFolder(["a.png"])
        var options = DataOptions()
        options.source = try #require(ImagesSourceOptions().moved(to: folder.path))
        options.valueRange = .numbers(low: 5, high: 9)
        #expect(try options.open(.train, cards: cards).image(0).unitSamples() == [0.5])
        #expect(try options.open(.train, cards: cards).fingerprint == ImageFolder(flat: folder.path).fingerprint)
    }
}
