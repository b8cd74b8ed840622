import ImageData
import Reporting
import Testing

/// Sheets that say what they show, colours of numbers, and plots.
struct CaptionTests {
    private let gray = ContactSheet.Picture(height: 40, width: 60, samples: [Float](repeating: 0.5, count: 7200))

    private func decoded(_ png: [UInt8]) throws -> (image: DecodedImage, bytes: [UInt8]) {
        let image = try ImageDecoder().decode(png, path: "sheet.png").image
        return (image, image.bytes())
    }

    @Test func textsTakeRoomWhereTheyAreAndNoneWhereTheyAreNot() throws {
        let plain = try decoded(ContactSheet(rows: [[gray, gray]], scale: 1).png())
        #expect(plain.image.height == 52 && plain.image.width == 138)
        func height(_ captions: ContactSheet.Captions) throws -> Int {
            try decoded(ContactSheet(rows: [[gray, gray]], scale: 1, captions: captions).png()).image.height
        }
        let line = 22
        #expect(try height(.init(columns: ["a", "b"])) == 52 + line + 6)
        #expect(try height(.init(rows: ["first"])) == 52 + line + 6)
        #expect(try height(.init(pictures: [[["name", "0.5"], ["other"]]])) == 52 + 2 * line + 6)
        // A title is given room to be read, and is broken where it is longer.
        let titled = try decoded(
            ContactSheet(
                rows: [[gray]], scale: 1,
                captions: .init(title: ["Pictures", String(repeating: "words and ", count: 12)])
            ).png())
        #expect(titled.image.width == 640 && titled.image.height == 52 + 4 * line + 6)
    }

    @Test func aNameStandsBelowItsPicture() throws {
        let sheet = ContactSheet(rows: [[gray, gray]], scale: 1, captions: .init(pictures: [[["A"], []]]))
        let (image, bytes) = try decoded(sheet.png())
        func isDark(_ y: Int, _ x: Int) -> Bool { bytes[3 * (y * image.width + x)] < 100 }
        let below = (46..<image.height).flatMap { y in (0..<image.width).filter { isDark(y, $0) } }
        #expect(!below.isEmpty && below.allSatisfy { $0 < 72 }, "\(below)")
    }

    @Test func largePicturesShrinkByMeansAndSmallOnesGrow() {
        let picture = ContactSheet.Picture(
            height: 2, width: 4, samples: [0, 1, 0, 1, 0, 0, 1, 1].flatMap { [$0, $0, $0] as [Float] })
        let small = picture.reduced(toFit: 2)
        #expect(small.height == 1 && small.width == 2 && small.samples == [0.25, 0.25, 0.25, 0.75, 0.75, 0.75])
        #expect(picture.reduced(toFit: 4).samples == picture.samples)
        let large = small.enlarged(by: 3)
        #expect(large.height == 3 && large.width == 6 && large.samples[3 * 17] == 0.75 && large.samples[3 * 14] == 0.25)
    }

    @Test func highNumbersAreBrighterThanLowOnes() {
        let scale = HeatMap.Scale(low: 1, high: 3, mark: 2)
        let map = HeatMap.picture([1, 1, 1, 5], rows: 2, columns: 2, height: 4, width: 4, scale)
        func brightness(_ y: Int, _ x: Int) -> Float { map.samples[3 * (4 * y + x)..<3 * (4 * y + x) + 3].reduce(0, +) }
        #expect(brightness(0, 0) < brightness(1, 2) && brightness(1, 2) < brightness(2, 2))
        #expect(brightness(2, 2) < brightness(3, 3) && brightness(3, 3) > 2.4 && brightness(0, 0) < 0.4)
        let over = HeatMap.overlay([1, 1, 1, 5], rows: 2, columns: 2, on: gray, scale)
        #expect(over.height == 40 && over.samples[0] < over.samples[3 * 2399])
        // A scale of one number, and no number at all, are drawn as low.
        let flat = HeatMap.picture([2, .nan], rows: 1, columns: 2, height: 1, width: 2, .init(low: 2, high: 2))
        #expect(flat.samples[0..<3] == flat.samples[3..<6])
    }

    @Test func aScaleShowsItsMark() {
        func legend(_ mark: Double?) -> ContactSheet.Picture {
            HeatMap.legend(.init(low: 0, high: 10, mark: mark), width: 300)
        }
        let (with, without) = (legend(5), legend(nil))
        func dark(_ picture: ContactSheet.Picture, _ y: Int) -> [Int] {
            (0..<300).filter { picture.samples[3 * (300 * y + $0)] < 0.2 }
        }
        #expect(dark(with, 20) == [148, 149, 150] && dark(without, 20).isEmpty)
        #expect(with.height == without.height && with.width == 300)
    }

    @Test(arguments: [1, 3, 9, 80, 768]) func thePlotOfASpectrumRises(_ count: Int) throws {
        let shares = (0..<count).map { _ in 1 / Double(count) }
        let (image, bytes) = try decoded(SpectrumPlot.png(explained: shares, title: "Variance", notes: ["A note."]))
        #expect(image.width == 820)
        /// Blue pixels of a column.
        func bar(_ x: Int) -> Int {
            (0..<image.height).count { y in
                let place = 3 * (y * image.width + x)
                return bytes[place] == 38 && bytes[place + 2] == 160
            }
        }
        let heights = stride(from: 92, to: 780, by: 40).map(bar).filter { $0 > 0 }
        #expect(!heights.isEmpty && zip(heights, heights.dropFirst()).allSatisfy { $0 <= $1 })
        #expect(heights.last ?? 0 > 300)
    }
}
