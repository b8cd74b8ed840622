import ImageData
import Reporting
import Testing

struct ContactSheetTests {
    @Test func picturesStandInTheirCells() throws {
        func picture(_ values: [Float], channels: Int) -> ContactSheet.Picture {
            ContactSheet.Picture(
                normalized: values, from: 0, bands: ContactSheet.usualBands(of: channels), height: 1, width: 2,
                mean: [0], deviation: [1])
        }
        let red = picture([1, 1, 0, 0, 0, -3], channels: 3)
        let gray = picture([0.5, 2], channels: 1)
        let png = try ContactSheet(rows: [[red], [gray]], scale: 2, gap: 1).png()
        let image = try ImageDecoder().decode(png, path: "sheet.png").image
        #expect(image.height == 7 && image.width == 6 && image.channels == 3)
        let bytes = image.bytes()
        func pixel(_ y: Int, _ x: Int) -> [UInt8] { Array(bytes[3 * (y * 6 + x)..<3 * (y * 6 + x) + 3]) }
        #expect(pixel(0, 0) == [255, 255, 255])
        #expect(pixel(1, 1) == [255, 0, 0] && pixel(2, 4) == [255, 0, 0])
        #expect(pixel(4, 1) == [128, 128, 128] && pixel(5, 4) == [255, 255, 255])
    }

    @Test func normalisedNumbersOfAnyChannelsAreDrawn() {
        func samples(_ values: [Float], _ channels: Int, _ mean: [Double], _ deviation: [Double]) -> [Float] {
            ContactSheet.Picture(
                normalized: values, from: 0, bands: ContactSheet.usualBands(of: channels), height: 1, width: 1,
                mean: mean, deviation: deviation
            ).samples
        }
        #expect(samples([1, -1, 0], 3, [0.5, 0.5, 0.25], [0.25, 0.5, 1]) == [0.75, 0, 0.25])
        // One number for all channels; of four channels the first is gray.
        #expect(samples([1, 9, 9, 9], 4, [0.5], [0.25]) == [0.75, 0.75, 0.75])
        #expect(samples([.nan], 1, [0], [1]) == [1, 0, 1])
        let chosen = ContactSheet.Picture(
            normalized: [0.1, 0.2, 0.3, 0.4], from: 0, bands: [3, 1, 0], height: 1, width: 1, mean: [0], deviation: [1])
        #expect(chosen.samples == [0.4, 0.2, 0.1])
    }
}
