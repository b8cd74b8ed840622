import Foundation
import Reporting
import Testing

struct PageTests {
    @Test func whatOthersWriteIsNeverMarkup() {
        let name = "<script>alert(\"1\")</script>&\u{202E}gnp.\u{1B}[2J"
        let markup = HTML.text(name).markup
        #expect(markup == "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;\u{FFFD}gnp.\u{FFFD}[2J")
        let table = HTML.table([name], [[name, "1.5"]], caption: name).markup
        #expect(!table.contains("<script") && table.contains("<td class=\"figure\">1.5</td>"))
        #expect(!HTML.element("p", [("title", name)], .text(name)).markup.contains("<script"))
        #expect(!HTML.picture(png: [1], alternative: name).markup.contains("<script"))
    }

    @Test func aPageFetchesNothing() {
        let page = Page("A < B", sections: [.init("One", .paragraph("text")), .init("Two", HTML())])
        let text = String(decoding: page.file, as: UTF8.self)
        #expect(text.hasPrefix(Page.start) && text.hasSuffix("</html>\n"))
        #expect(text.contains("<title>A &lt; B</title>") && text.contains("<h2>Two</h2>"))
        for foreign in ["<script", "http:", "https:", "src=\"/", "@import", "url("] {
            #expect(!text.contains(foreign), "\(foreign)")
        }
        #expect(text.contains("prefers-color-scheme: dark") && text.contains("@media print"))
    }

    /// Contrast by WCAG 2.2 of the colours of text against what they stand on, in both schemes.
    @Test func textCanBeReadInBothSchemes() throws {
        let text = String(decoding: Page("page").file, as: UTF8.self)
        func luminance(_ hexadecimal: Substring) throws -> Double {
            let value = try #require(Int(hexadecimal, radix: 16))
            let linear = [16, 8, 0].map { shift -> Double in
                let share = Double(value >> shift & 255) / 255
                return share <= 0.04045 ? share / 12.92 : pow((share + 0.055) / 1.055, 2.4)
            }
            return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        }
        func contrast(_ one: Substring, _ other: Substring) throws -> Double {
            let pair = [try luminance(one), try luminance(other)].sorted()
            return (pair[1] + 0.05) / (pair[0] + 0.05)
        }
        let schemes = text.components(separatedBy: ":root {").dropFirst().map { $0.prefix { $0 != "}" } }
        #expect(schemes.count == 2)
        for scheme in schemes {
            let colours = Dictionary(
                uniqueKeysWithValues: scheme.split(separator: ";").compactMap { entry -> (Substring, Substring)? in
                    guard let name = entry.split(separator: ":").first, let sign = entry.firstIndex(of: "#") else {
                        return nil
                    }
                    return (name.drop { !$0.isLetter }, entry[entry.index(after: sign)...].prefix(6))
                })
            for ink in ["ink", "soft", "link"] {
                for ground in ["ground", "tint"] {
                    let found = try contrast(try #require(colours[ink[...]]), try #require(colours[ground[...]]))
                    #expect(found >= 4.5, "\(ink) on \(ground)")
                }
            }
            for number in 0..<4 {
                let found = try contrast(try #require(colours["series-\(number)"]), try #require(colours["ground"]))
                #expect(found >= 3, "line \(number)")
            }
        }
    }
}

struct LinePlotTests {
    @Test func ticksAreRoundAndInside() {
        for (low, high) in [(0.0, 1.0), (3.2, 3.9), (0, 1562), (-4, 9), (1e-9, 3e-9), (0.5, 0.5), (12345, 12346)] {
            let scale = Scale([low, high], isLogarithmic: false, from: 0, to: 100)
            let ticks = scale.ticks(6)
            #expect((1...7).contains(ticks.count), "\(low) to \(high): \(ticks)")
            for tick in ticks { #expect(scale[tick] > -1e-6 && scale[tick] < 100 + 1e-6, "\(tick)") }
        }
        #expect(Scale([0, 10], isLogarithmic: false, from: 0, to: 1).ticks(5) == [0, 2, 4, 6, 8, 10])
        #expect(Scale([0.01, 100], isLogarithmic: true, from: 0, to: 1).ticks(6) == [0.01, 0.1, 1, 10, 100])
        #expect(Scale([0.01, 100], isLogarithmic: true, from: 0, to: 1)[1] == 0.5)
    }

    @Test func numbersAreShort() {
        #expect(
            [0, 12, 0.25, 1.23456e-5, 1562, 1e9].map(LinePlot.number) == ["0", "12", "0.25", "1.235e-5", "1562", "1e9"])
        #expect(LinePlot.number(.nan) == "–")
    }

    @Test func aPlotHasWordsATableAndAllItsPointsInside() throws {
        let points = (1...1000).map { (x: Double($0), y: $0 == 500 ? .nan : 1 / Double($0)) }
        let plot = LinePlot(
            "Loss & more", horizontal: "step", vertical: "loss",
            [.init("loss", points), .init("constant", [(1, 0.5), (1000, 0.5)], isReference: true)])
        let markup = plot.figure.markup
        #expect(plot.alternative.contains("loss goes from 1 at 1 to 0.001 at 1000"))
        #expect(markup.contains("role=\"img\" aria-label=\"Loss &amp; more; loss over step"))
        #expect(markup.contains("<details>") && markup.contains("stroke-dasharray") && !markup.contains("nan"))
        let path = try #require(markup.components(separatedBy: "<path d=\"M").last?.prefix { $0 != "\"" })
        for pair in path.split(separator: "L") {
            let place = pair.split(separator: " ").compactMap { Double($0) }
            #expect(place.count == 2 && (0...440).contains(place[0]) && (0...260).contains(place[1]), "\(pair)")
        }
        #expect(markup.components(separatedBy: "<tr>").count < 40)
    }

    /// Names of axes stand whole beside the numbers and inside of the plot, however long they are.
    @Test(arguments: [
        "loss", "share of the variance",
        "mean cosine between the features of two pictures of the test part, after the final norm",
        "a_single_word_that_is_far_longer_than_the_side_of_a_plot_and_cannot_be_broken_anywhere",
    ])
    func namesOfAxesHaveRoom(name: String) throws {
        let plot = LinePlot(
            "a", horizontal: name, vertical: name, [.init("line", [(1, -1.2345e-5), (987_654, 1.2345e-5)])])
        let markup = plot.figure.markup
        let sides = try #require(markup.firstMatch(of: #/viewBox="0 0 (\d+) (\d+)" role/#))
        let (width, height) = (try #require(Double(sides.1)), try #require(Double(sides.2)))
        /// Letters are at most this wide in any usual font at the size of the page's plots.
        let letter = 6.6
        var (named, numbers) = (["": 0], [(left: Double, right: Double)]())
        for text in markup.matches(of: #/<text ([^>]*)>([^<]*)<\/text>/#) {
            let (attributes, words) = (text.1, text.2)
            let half = Double(words.count) * letter / 2
            if let place = attributes.firstMatch(of: #/translate\(([\d.]+) ([\d.]+)\)/#) {
                named["vertical", default: 0] += words.filter { $0 != " " }.count
                let (x, y) = (try #require(Double(place.1)), try #require(Double(place.2)))
                #expect(x >= 9 && y - half >= 0 && y + half <= height, "\(words) at \(x), \(y) of \(height)")
                numbers.append((x - 9, x + 4))
            } else {
                let x = try #require(attributes.firstMatch(of: #/x="([\d.]+)"/#).flatMap { Double($0.1) })
                let y = try #require(attributes.firstMatch(of: #/ y="([\d.]+)"/#).flatMap { Double($0.1) })
                let isNumber = attributes.contains("end")
                #expect(y <= height - 3)
                #expect(isNumber || (x - half >= 0 && x + half <= width), "\(words) at \(x) of \(width)")
                if attributes.contains("soft") {
                    named["horizontal", default: 0] += words.filter { $0 != " " }.count
                } else if isNumber {
                    numbers.append((x - 2 * half, x))
                }
            }
        }
        let letters = name.filter { $0 != " " }.count
        #expect(named["vertical"] == letters && named["horizontal"] == letters, "\(named)")
        // The name on the left and the numbers beside it do not touch.
        let names = numbers.filter { $0.right - $0.left == 13 }.map(\.right).max() ?? 0
        #expect(numbers.filter { $0.right - $0.left != 13 }.allSatisfy { $0.left >= names }, "\(numbers)")
    }

    @Test func aPlotOfNothingIsNothing() {
        #expect(LinePlot("a", horizontal: "b", vertical: "c", [.init("d", [(.nan, 1)])]).figure.markup.isEmpty)
        let single = LinePlot("a", horizontal: "b", vertical: "c", [.init("d", [(5, 1)])]).figure.markup
        #expect(single.contains("<circle") && !single.contains("nan"))
        let positive = LinePlot(
            "a", horizontal: "b", vertical: "c", isLogarithmic: true, [.init("d", [(1, 0), (2, -1)])])
        #expect(positive.figure.markup.isEmpty)
    }
}
