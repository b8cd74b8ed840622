import Foundation
public import ImageData

/// A white sheet that pictures, bars and texts are drawn on, and the PNG file of it. What lies outside is cut off.
public struct Canvas {
    /// A colour of red, green and blue.
    public struct Colour: Sendable, Equatable {
        let red: UInt8
        let green: UInt8
        let blue: UInt8

        /// A colour of three parts from 0 to 255.
        public init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) {
            self.red = red
            self.green = green
            self.blue = blue
        }

        /// A colour of three parts in [0, 1]; what lies outside is cut.
        public init(_ parts: [Float]) {
            func byte(_ value: Float) -> UInt8 { value.isNaN ? 0 : UInt8((min(max(value, 0), 1) * 255).rounded()) }
            self.init(byte(parts[0]), byte(parts[1]), byte(parts[2]))
        }

        /// The colour of texts.
        public static let ink = Colour(20, 20, 20)
        /// The colour of lines and of texts beside the main ones; its contrast to white is 7.
        public static let gray = Colour(89, 89, 89)
    }

    /// Pixels from top to bottom.
    public let height: Int
    /// Pixels from left to right.
    public let width: Int
    private var samples: [UInt8]

    /// A white sheet of at least one pixel.
    public init(height: Int, width: Int) {
        self.height = max(1, height)
        self.width = max(1, width)
        samples = [UInt8](repeating: 255, count: 3 * self.height * self.width)
    }

    /// Colours one pixel.
    private mutating func set(_ y: Int, _ x: Int, _ colour: Colour) {
        guard (0..<height).contains(y), (0..<width).contains(x) else { return }
        let place = 3 * (y * width + x)
        samples[place] = colour.red
        samples[place + 1] = colour.green
        samples[place + 2] = colour.blue
    }

    /// Fills a rectangle.
    public mutating func fill(top: Int, left: Int, height: Int, width: Int, _ colour: Colour) {
        for y in max(0, top)..<max(0, top, min(self.height, top + height)) {
            for x in max(0, left)..<max(0, left, min(self.width, left + width)) { set(y, x, colour) }
        }
    }

    /// Draws a picture, each pixel `scale` times in both directions.
    public mutating func draw(_ picture: ContactSheet.Picture, top: Int, left: Int, scale: Int = 1) {
        for y in 0..<picture.height {
            for x in 0..<picture.width {
                let source = 3 * (y * picture.width + x)
                let colour = Colour(Array(picture.samples[source..<source + 3]))
                fill(top: top + y * scale, left: left + x * scale, height: scale, width: scale, colour)
            }
        }
    }

    /// Writes a line of text, its upper left corner at a place, each pixel of a letter drawn `scale` times.
    public mutating func write(_ text: String, top: Int, left: Int, scale: Int = 2, _ colour: Colour = .ink) {
        for (place, code) in BitmapFont.codes(of: text).enumerated() {
            for (y, row) in BitmapFont.rows(of: code).enumerated() {
                for x in 0..<BitmapFont.letterWidth where row >> (BitmapFont.letterWidth - 1 - x) & 1 == 1 {
                    fill(
                        top: top + y * scale, left: left + (place * BitmapFont.advance + x) * scale, height: scale,
                        width: scale, colour)
                }
            }
        }
    }

    /// What is drawn, as a picture of a sheet.
    public var picture: ContactSheet.Picture {
        ContactSheet.Picture(height: height, width: width, samples: samples.map { Float($0) / 255 })
    }

    /// The PNG file.
    public func png() throws(ImageError) -> [UInt8] {
        try PNGEncoder.encode(samples, height: height, width: width, channels: 3, marked: true)
    }
}
