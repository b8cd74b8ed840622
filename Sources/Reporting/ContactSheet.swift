import Foundation
public import ImageData

/// A grid of small pictures on one PNG.
public struct ContactSheet {
    /// A picture of red, green and blue in [0, 1], row by row, three numbers a pixel.
    public struct Picture: Sendable {
        /// Pixels from top to bottom.
        public var height: Int
        /// Pixels from left to right.
        public var width: Int
        /// The numbers, `[height · width · 3]`.
        public var samples: [Float]

        /// A picture; numbers outside [0, 1] are cut when it is drawn.
        public init(height: Int, width: Int, samples: [Float]) {
            precondition(
                samples.count == 3 * height * width, "\(samples.count) samples for \(height) x \(width) colours")
            self.height = height
            self.width = width
            self.samples = samples
        }
    }

    private let rows: [[Picture]]
    private let scale: Int
    private let gap: Int

    /// A sheet with pictures of one size, each pixel drawn `scale` times in both directions.
    public init(rows: [[Picture]], scale: Int, gap: Int = 6) {
        self.rows = rows
        self.scale = scale
        self.gap = gap
    }

    /// The PNG file.
    public func png() throws(ImageError) -> [UInt8] {
        let cellHeight = (rows.first?.first?.height ?? 0) * scale
        let cellWidth = (rows.first?.first?.width ?? 0) * scale
        let columns = rows.map(\.count).max() ?? 0
        let height = rows.count * (cellHeight + gap) + gap
        let width = columns * (cellWidth + gap) + gap
        var samples = [UInt8](repeating: 255, count: 3 * height * width)
        for (r, row) in rows.enumerated() {
            for (c, picture) in row.enumerated() {
                for y in 0..<picture.height * scale {
                    let line = gap + r * (cellHeight + gap) + y
                    for x in 0..<picture.width * scale {
                        let place = 3 * (line * width + gap + c * (cellWidth + gap) + x)
                        let source = 3 * (y / scale * picture.width + x / scale)
                        for channel in 0..<3 {
                            let value = min(max(picture.samples[source + channel], 0), 1)
                            samples[place + channel] = UInt8((value * 255).rounded())
                        }
                    }
                }
            }
        }
        return try PNGEncoder.encode(samples, height: height, width: width, channels: 3)
    }
}
