import ImageData
import Reporting

/// Many small pictures side by side on one: a square grid, row by row.
struct PictureSprite: Sendable {
    /// Pictures from left to right.
    let columns: Int
    /// Pixels of one picture from left to right.
    let width: Int
    /// Pixels of one picture from top to bottom.
    let height: Int
    private let rows: Int
    private var samples: [UInt8]

    /// Pixels of all pictures together, about.
    private static let pixels = 16_000_000
    /// Sides of pictures, where theirs are longer.
    private static let sides = 28.0...96.0

    /// The longest side of each of so many pictures.
    static func side(of pictures: Int) -> Int {
        let even = (Double(pixels) / Double(max(1, pictures))).squareRoot()
        return Int(min(max(even, sides.lowerBound), sides.upperBound))
    }

    /// A grid for `count` pictures of one size, black.
    init(count: Int, height: Int, width: Int) {
        columns = Int(Double(count).squareRoot().rounded(.up))
        rows = (count + columns - 1) / columns
        (self.height, self.width) = (height, width)
        samples = [UInt8](repeating: 0, count: 3 * rows * columns * height * width)
    }

    /// Sets the picture at a place of the grid.
    mutating func set(_ place: Int, _ picture: ContactSheet.Picture) {
        precondition(picture.height == height && picture.width == width, "a picture of another size")
        let (top, left) = (place / columns * height, place % columns * width)
        for y in 0..<height {
            let start = 3 * ((top + y) * columns * width + left)
            for x in 0..<3 * width {
                let value = picture.samples[3 * y * width + x]
                samples[start + x] = value.isNaN ? 0 : UInt8((min(max(value, 0), 1) * 255).rounded())
            }
        }
    }

    /// The grid as a JPEG file.
    func jpeg() throws(ImageError) -> [UInt8] {
        try JPEGEncoder.encode(samples, height: rows * height, width: columns * width, quality: 88)
    }

    /// The grid as a PNG file.
    func png() throws(ImageError) -> [UInt8] {
        try PNGEncoder.encode(samples, height: rows * height, width: columns * width, channels: 3, marked: true)
    }
}
