import Foundation

/// A plot of lines as SVG inside of a page: axes with their units, a legend, and beside it the table of what it shows.
public struct LinePlot: Sendable {
    /// A line.
    public struct Series: Sendable {
        /// Its name in the legend.
        public var name: String
        /// Its points by rising x; what is not finite is left out.
        public var points: [(x: Double, y: Double)]
        /// True for what a line is compared with: dashed.
        public var isReference: Bool

        /// A line.
        public init(_ name: String, _ points: [(x: Double, y: Double)], isReference: Bool = false) {
            self.name = name
            self.points = points.filter { $0.x.isFinite && $0.y.isFinite }
            self.isReference = isReference
        }
    }

    /// What it shows, in a few words.
    public var title: String
    /// The horizontal axis, with its unit.
    public var horizontal: String
    /// The vertical axis, with its unit.
    public var vertical: String
    /// The lines.
    public var series: [Series]
    /// True where the vertical axis has powers of ten; values that are not positive are then left out.
    public var isLogarithmic: Bool

    /// A plot.
    public init(
        _ title: String, horizontal: String, vertical: String, isLogarithmic: Bool = false, _ series: [Series]
    ) {
        self.title = title
        self.horizontal = horizontal
        self.vertical = vertical
        self.isLogarithmic = isLogarithmic
        self.series = series.map { line in
            isLogarithmic
                ? Series(line.name, line.points.filter { $0.y > 0 }, isReference: line.isReference) : line
        }.filter { !$0.points.isEmpty }
    }

    private static let width = 440.0
    /// The upper and the lower end of the vertical axis.
    private static let (top, foot) = (14.0, 218.0)
    /// Room of a letter of any usual font, and of a line.
    private static let (letter, line) = (7.2, 14.0)
    /// Points of a line that are drawn at most: each is the mean of its neighbours where there are more.
    private static let mostPoints = 400
    /// Rows of the table at most.
    private static let mostRows = 24

    /// The plot with its legend and its table; nothing where no line has a point.
    public var figure: HTML {
        guard !series.isEmpty else { return HTML() }
        return HTML.element(
            "figure", [], HTML.element("figcaption", [], .element("strong", [], .text(title)), legend), drawing,
            HTML.details("Figures", table))
    }

    /// Names of the lines beside a piece of each.
    private var legend: HTML {
        guard series.count > 1 || series[0].name != title else { return HTML() }
        let entries = series.enumerated().map { number, line in
            HTML(
                " <svg viewBox=\"0 0 26 8\" aria-hidden=\"true\" style=\"width:26px;height:8px;display:inline-block\">"
                    + "<path d=\"M1 4H25\" \(Self.stroke(number, line))/></svg> ")
                + HTML.element("span", [("style", "white-space:nowrap")], .text(line.name))
        }
        return HTML("<br>") + entries.reduce(HTML()) { $0 + $1 }
    }

    private static func stroke(_ number: Int, _ line: Series) -> String {
        "fill=\"none\" stroke-width=\"2\" stroke-linejoin=\"round\" style=\"stroke:var(--series-\(number % 4))\""
            + (line.isReference ? " stroke-dasharray=\"5 4\"" : "")
    }

    private var table: HTML {
        let places = Set(series.flatMap { $0.points.map(\.x) }).sorted()
        let step = max(1, (places.count + Self.mostRows - 1) / Self.mostRows)
        var shown = stride(from: 0, to: places.count, by: step).map { places[$0] }
        if let last = places.last, shown.last != last { shown.append(last) }
        let values = series.map { Dictionary($0.points.map { ($0.x, $0.y) }, uniquingKeysWith: { $1 }) }
        return HTML.table(
            [horizontal] + series.map(\.name),
            shown.map { x in [Self.number(x)] + values.map { $0[x].map(Self.number) ?? "–" } },
            caption: step > 1 ? "Every \(step)th of \(places.count) places, and the last; \(vertical)" : vertical)
    }

    /// Room that the longest of some numbers takes.
    private static func room(_ numbers: [Double]) -> Double {
        Double(numbers.map { number($0).count }.max() ?? 0) * letter
    }

    /// The name of an axis in lines that fit; a word that is longer than a line is cut.
    private static func lines(of name: String, within room: Double) -> [String] {
        let most = max(1, Int(room / letter))
        var lines: [String] = []
        for word in name.split(separator: " ") {
            var rest = word
            if let last = lines.last, last.count + 1 + rest.count <= most {
                lines[lines.count - 1] += " \(rest)"
                continue
            }
            while !rest.isEmpty {
                lines.append(String(rest.prefix(most)))
                rest = rest.dropFirst(most)
            }
        }
        return lines
    }

    private var drawing: HTML {
        let points = series.flatMap(\.points)
        let foot = Self.foot
        let up = Scale(points.map(\.y), isLogarithmic: isLogarithmic, from: foot, to: Self.top)
        let heights = up.ticks(6)
        // The name of the vertical axis stands left of its numbers, line by line; numbers of the other axis reach beyond its end.
        let beside = Self.lines(of: vertical, within: foot - Self.top)
        let left = max(58, 25 + Double(beside.count - 1) * Self.line + Self.room(heights))
        let ends = Scale(points.map(\.x), isLogarithmic: false, showsHeight: false, from: 0, to: 1)
        let right = Self.width - max(12, Self.room(ends.ticks(5)) / 2)
        let across = Scale(points.map(\.x), isLogarithmic: false, showsHeight: false, from: left, to: right)
        let below = Self.lines(of: horizontal, within: right - left)
        let height = foot + 28 + Double(below.count) * Self.line
        var parts = ""
        for tick in heights {
            let y = Self.place(up[tick])
            parts +=
                "<path class=\"grid\" d=\"M\(Self.place(left)) \(y)H\(Self.place(right))\"/>"
                + "<text x=\"\(Self.place(left - 6))\" y=\"\(y)\" dy=\"4\" text-anchor=\"end\">\(Self.number(tick))</text>"
        }
        for tick in across.ticks(5) {
            let x = Self.place(across[tick])
            parts +=
                "<path class=\"axis\" d=\"M\(x) \(Self.place(foot))v4\"/>"
                + "<text x=\"\(x)\" y=\"\(Self.place(foot + 17))\" text-anchor=\"middle\">\(Self.number(tick))</text>"
        }
        parts +=
            "<path class=\"axis\" d=\"M\(Self.place(left)) \(Self.place(foot))H\(Self.place(right))\"/>"
        for (number, text) in below.enumerated() {
            let y = foot + 36 + Double(number) * Self.line
            parts +=
                "<text class=\"soft\" x=\"\(Self.place((left + right) / 2))\" y=\"\(Self.place(y))\" text-anchor=\"middle\">"
                + "\(HTML.text(text).markup)</text>"
        }
        for (number, text) in beside.enumerated() {
            let place = "\(Self.place(13 + Double(number) * Self.line)) \(Self.place((Self.top + foot) / 2))"
            parts +=
                "<text class=\"soft\" text-anchor=\"middle\" transform=\"translate(\(place)) rotate(-90)\">"
                + "\(HTML.text(text).markup)</text>"
        }
        for (number, line) in series.enumerated() {
            let drawn = Self.thinned(line.points).map { "\(Self.place(across[$0.x])) \(Self.place(up[$0.y]))" }
            if drawn.count == 1 {
                let place = drawn[0].split(separator: " ")
                parts +=
                    "<circle cx=\"\(place[0])\" cy=\"\(place[1])\" r=\"3.5\" style=\"fill:var(--series-\(number % 4))\"/>"
            } else {
                parts += "<path d=\"M\(drawn.joined(separator: "L"))\" \(Self.stroke(number, line))/>"
            }
        }
        return HTML(
            "<svg viewBox=\"0 0 \(Int(Self.width)) \(Int(height))\" role=\"img\" aria-label=\"\(HTML.text(alternative).markup)\">\(parts)</svg>"
        )
    }

    /// The plot in words.
    package var alternative: String {
        let lines = series.map { line in
            let (first, last) = (line.points[0], line.points[line.points.count - 1])
            return
                "\(line.name) goes from \(Self.number(first.y)) at \(Self.number(first.x)) to \(Self.number(last.y)) at "
                + Self.number(last.x)
        }
        return "\(title); \(vertical) over \(horizontal): \(lines.joined(separator: "; "))"
    }

    /// Fewer points, each the mean of some neighbours.
    private static func thinned(_ points: [(x: Double, y: Double)]) -> [(x: Double, y: Double)] {
        guard points.count > mostPoints else { return points }
        let size = (points.count + mostPoints - 1) / mostPoints
        return stride(from: 0, to: points.count, by: size).map { start in
            let group = points[start..<min(start + size, points.count)]
            let count = Double(group.count)
            return (group.reduce(0) { $0 + $1.x } / count, group.reduce(0) { $0 + $1.y } / count)
        }
    }

    /// A coordinate to a tenth of a unit.
    private static func place(_ value: Double) -> String { String(format: "%.1f", value) }

    /// A number to four figures.
    package static func number(_ value: Double) -> String {
        guard value.isFinite else { return "–" }
        if value == value.rounded(), abs(value) < 1e7 { return String(format: "%.0f", value) }
        let text = String(format: "%.4g", value)
        return text.replacingOccurrences(of: "e-0", with: "e-").replacingOccurrences(of: "e+0", with: "e")
    }
}

/// Where values lie along an axis.
package struct Scale {
    private let low: Double
    private let high: Double
    private let isLogarithmic: Bool
    private let start: Double
    private let end: Double

    /// A scale that holds some finite values, of which there is one at least, between two coordinates.
    package init(
        _ values: [Double], isLogarithmic: Bool, showsHeight: Bool = true, from start: Double, to end: Double
    ) {
        let numbers = isLogarithmic ? values.map { log10($0) } : values
        var (low, high) = (numbers.min() ?? 0, numbers.max() ?? 1)
        if !(high > low) {
            let room = max(abs(low) * 0.05, isLogarithmic ? 0.3 : 1e-9)
            (low, high) = (low - room, high + room)
        }
        // What ends near nought begins there: a curve then shows its height.
        if showsHeight, !isLogarithmic, low > 0, low < 0.4 * high { low = 0 }
        (self.low, self.high) = (low, high)
        self.isLogarithmic = isLogarithmic
        (self.start, self.end) = (start, end)
    }

    /// The coordinate of a value.
    package subscript(_ value: Double) -> Double {
        let number = isLogarithmic ? log10(value) : value
        return start + (number - low) / (high - low) * (end - start)
    }

    /// Round values, at most `most` of them.
    package func ticks(_ most: Int) -> [Double] {
        let span = high - low
        if isLogarithmic, span >= 2 {
            let step = (span / Double(most)).rounded(.up)
            return stride(from: (low / step).rounded(.up) * step, through: high, by: step).map { pow(10, $0) }
        }
        let (first, last) = isLogarithmic ? (pow(10, low), pow(10, high)) : (low, high)
        let raw = (last - first) / Double(most)
        let size = pow(10, log10(raw).rounded(.down))
        let step = [1, 2, 2.5, 5, 10].map { $0 * size }.first { $0 >= raw * (1 - 1e-9) } ?? 10 * size
        let begin = (first / step).rounded(.up)
        let count = Int(((last - begin * step) / step + 1e-9).rounded(.down))
        guard count >= 0 else { return [] }
        // Products of whole numbers: sums would drift off the round values.
        return (0...count).map { (begin + Double($0)) * step }
    }
}
