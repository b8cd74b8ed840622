import ImageData
import Reporting
import Testing

struct ContactSheetTests {
    @Test func picturesStandInTheirCells() throws {
        let red = ContactSheet.Picture(planes: [1, 1, 0, 0, 0, -3], channels: 3, height: 1, width: 2)
        let gray = ContactSheet.Picture(planes: [0.5, 2], channels: 1, height: 1, width: 2)
        let png = try ContactSheet(rows: [[red], [gray]], scale: 2, gap: 1).png()
        let image = try ImageDecoder().decode(png, path: "sheet.png").image
        #expect(image.height == 7 && image.width == 6 && image.channels == 3)
        let bytes = image.bytes()
        func pixel(_ y: Int, _ x: Int) -> [UInt8] { Array(bytes[3 * (y * 6 + x)..<3 * (y * 6 + x) + 3]) }
        #expect(pixel(0, 0) == [255, 255, 255])
        #expect(pixel(1, 1) == [255, 0, 0] && pixel(2, 4) == [255, 0, 0])
        #expect(pixel(4, 1) == [128, 128, 128] && pixel(5, 4) == [255, 255, 255])
    }
}
