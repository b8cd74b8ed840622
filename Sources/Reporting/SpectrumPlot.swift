import Foundation
public import ImageData

/// How the variance of features is spread over their principal components, as a picture: the share that the first k hold together.
public enum SpectrumPlot {
    /// The PNG file for shares that fall and sum to 1, or to less where some are left out. Above the plot stand `title`, then `notes`.
    public static func png(explained: [Double], title: String, notes: [String] = []) throws(ImageError) -> [UInt8] {
        let (width, plotHeight, left, right) = (820, 360, 90, 30)
        let plotWidth = width - left - right
        let texts = [title] + notes
        let lines = texts.map { BitmapFont.wrapped($0, toWidth: width - 40, scale: 2) }
        let top = 20 + lines.joined().count * lineHeight + 16
        var canvas = Canvas(height: top + plotHeight + 74, width: width)
        var line = 20
        for (number, wrapped) in lines.enumerated() {
            for text in wrapped {
                canvas.write(text, top: line, left: 20, number == 0 ? .ink : .gray)
                line += lineHeight
            }
        }
        for percent in stride(from: 0, through: 100, by: 25) {
            let y = top + plotHeight - plotHeight * percent / 100
            canvas.fill(top: y, left: left, height: 1, width: plotWidth, percent == 0 ? .gray : pale)
            let text = "\(percent) %"
            canvas.write(text, top: y - 7, left: left - 12 - BitmapFont.width(of: text, scale: 2), .gray)
        }
        let count = max(1, explained.count)
        var sum = 0.0
        for (component, share) in explained.enumerated() {
            sum += share
            let from = left + plotWidth * component / count
            let to = max(from + 1, left + plotWidth * (component + 1) / count - (count < 200 ? 1 : 0))
            let height = Int((Double(plotHeight) * min(max(sum, 0), 1)).rounded())
            canvas.fill(top: top + plotHeight - height, left: from, height: height, width: to - from, bar)
        }
        for component in ticks(count) {
            let text = "\(component)"
            let centre = left + plotWidth * (2 * component - 1) / (2 * count)
            canvas.write(
                text, top: top + plotHeight + 12, left: centre - BitmapFont.width(of: text, scale: 2) / 2, .gray)
        }
        canvas.write("principal components, the strongest first", top: top + plotHeight + 44, left: left, .gray)
        return try canvas.png()
    }

    /// Components that are numbered: the first, and multiples of a round number.
    private static func ticks(_ count: Int) -> [Int] {
        let step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000].first { count / $0 <= 8 } ?? 5000
        return Array(Set([1] + stride(from: step, through: count, by: step))).sorted().filter {
            // The first would touch its neighbour.
            $0 == 1 || $0 >= max(2, step) || count < 10
        }
    }

    private static let lineHeight = 22
    private static let bar = Canvas.Colour(38, 90, 160)
    private static let pale = Canvas.Colour(215, 215, 215)
}
