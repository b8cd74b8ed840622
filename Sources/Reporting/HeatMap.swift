import Foundation

/// A map of numbers over a picture, from dark blue for low ones to yellow for high ones, with its scale.
public struct HeatMap {
    /// What the colours stand for.
    public struct Scale: Sendable {
        /// The number of the lowest colour; lower ones have it too.
        public var low: Double
        /// The number of the highest colour; higher ones have it too.
        public var high: Double
        /// A number that is marked on the scale; nil for none.
        public var mark: Double?
        /// What the mark says.
        public var markName: String

        /// A scale.
        public init(low: Double, high: Double, mark: Double? = nil, markName: String = "threshold") {
            self.low = low
            self.high = high
            self.mark = mark
            self.markName = markName
        }

        /// Where a number lies, from 0 to 1.
        func place(_ value: Double) -> Double {
            guard high > low, !value.isNaN else { return 0 }
            return min(max((value - low) / (high - low), 0), 1)
        }
    }

    /// Colours at equal distances, of rising brightness, told apart without colour vision too.
    private static let stops: [[Float]] = [
        [0.03, 0.05, 0.25], [0.25, 0.10, 0.50], [0.65, 0.17, 0.45], [0.93, 0.40, 0.22], [0.99, 0.72, 0.22],
        [0.99, 0.98, 0.62],
    ]

    /// The colour of a place from 0 to 1.
    static func colour(_ place: Double) -> [Float] {
        let position = Float(min(max(place, 0), 1)) * Float(stops.count - 1)
        let below = min(Int(position), stops.count - 2)
        let share = position - Float(below)
        return zip(stops[below], stops[below + 1]).map { $0 + share * ($1 - $0) }
    }

    /// The numbers `[rows, columns]` in colours at the size of a picture, bilinear between the centres of their cells.
    public static func picture(
        _ values: [Double], rows: Int, columns: Int, height: Int, width: Int, _ scale: Scale
    ) -> ContactSheet.Picture {
        let places = spread(values.map { scale.place($0) }, rows, columns, height, width)
        return ContactSheet.Picture(height: height, width: width, samples: places.flatMap { colour($0) })
    }

    /// A picture in gray under the colours of its map: the higher the number, the more of the colour.
    public static func overlay(
        _ values: [Double], rows: Int, columns: Int, on picture: ContactSheet.Picture, _ scale: Scale
    ) -> ContactSheet.Picture {
        let places = spread(
            values.map { scale.place($0) }, rows, columns, picture.height, picture.width)
        var samples: [Float] = []
        samples.reserveCapacity(picture.samples.count)
        for (pixel, place) in places.enumerated() {
            let parts = picture.samples[3 * pixel..<3 * pixel + 3].map { min(max($0, 0), 1) }
            let gray = 0.299 * parts[0] + 0.587 * parts[1] + 0.114 * parts[2]
            let share = 0.35 + 0.4 * Float(place)
            samples += colour(place).map { $0 * share + gray * (1 - share) }
        }
        return ContactSheet.Picture(height: picture.height, width: picture.width, samples: samples)
    }

    /// The colours from left to right with their numbers below, `width` pixels wide.
    public static func legend(_ scale: Scale, width: Int) -> ContactSheet.Picture {
        var canvas = Canvas(height: legendHeight, width: width)
        for x in 0..<width {
            let place = Double(x) / Double(max(1, width - 1))
            canvas.fill(top: 0, left: x, height: 16, width: 1, Canvas.Colour(colour(place)))
        }
        let (low, high) = (number(scale.low), number(scale.high))
        canvas.write(low, top: 24, left: 0)
        canvas.write(high, top: 24, left: width - BitmapFont.width(of: high, scale: 2))
        if let mark = scale.mark {
            let x = Int(scale.place(mark) * Double(width - 1))
            canvas.fill(top: 0, left: max(0, x - 1), height: 22, width: 3, .ink)
            let text = "\(scale.markName) \(number(mark))"
            let half = BitmapFont.width(of: text, scale: 2) / 2
            canvas.write(text, top: 42, left: min(max(0, x - half), max(0, width - 2 * half)), .gray)
        }
        return canvas.picture
    }

    private static let legendHeight = 58

    /// A number with three digits that count.
    static func number(_ value: Double) -> String { String(format: "%.3g", value) }

    /// Numbers of cells at the pixels of a picture.
    private static func spread(
        _ values: [Double], _ rows: Int, _ columns: Int, _ height: Int, _ width: Int
    ) -> [Double] {
        precondition(values.count == rows * columns, "\(values.count) numbers for \(rows) x \(columns) cells")
        func axis(_ pixels: Int, _ cells: Int) -> [(below: Int, above: Int, share: Double)] {
            (0..<pixels).map { pixel in
                let position = (Double(pixel) + 0.5) * Double(cells) / Double(pixels) - 0.5
                let inside = min(max(position, 0), Double(cells - 1))
                let below = Int(inside)
                return (below, min(below + 1, cells - 1), inside - Double(below))
            }
        }
        let across = axis(width, columns)
        return axis(height, rows).flatMap { y in
            across.map { x in
                let upper =
                    values[y.below * columns + x.below] * (1 - x.share) + values[y.below * columns + x.above] * x.share
                let lower =
                    values[y.above * columns + x.below] * (1 - x.share) + values[y.above * columns + x.above] * x.share
                return upper * (1 - y.share) + lower * y.share
            }
        }
    }
}
