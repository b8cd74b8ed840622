import ImageData
import Reporting
import Testing

/// Texts in pictures.
struct BitmapFontTests {
    /// The ink of a text: for each pixel whether it is dark.
    private func ink(_ text: String, scale: Int = 1) throws -> [[Bool]] {
        var canvas = Canvas(
            height: BitmapFont.letterHeight * scale, width: max(1, BitmapFont.width(of: text, scale: scale)))
        canvas.write(text, top: 0, left: 0, scale: scale)
        let image = try ImageDecoder().decode(try canvas.png(), path: "text.png").image
        let bytes = image.bytes()
        return (0..<image.height).map { y in (0..<image.width).map { bytes[3 * (y * image.width + $0)] < 128 } }
    }

    @Test func everyLetterIsThereAndLikeNoOther() throws {
        var seen: [[[Bool]]: Character] = [:]
        for code in UInt8(32)..<127 {
            let letter = Character(UnicodeScalar(code))
            let pixels = try ink(String(letter))
            #expect(pixels.count == BitmapFont.letterHeight && pixels.allSatisfy { $0.count == BitmapFont.letterWidth })
            #expect(pixels.joined().contains(true) == (letter != " "), "\(letter)")
            #expect(seen[pixels] == nil, "\(letter) is drawn as \(seen[pixels].map { String($0) } ?? "")")
            seen[pixels] = letter
        }
    }

    @Test func anOneIsAStrokeWithAFoot() throws {
        let rows = try ink("1").map { String($0.map { $0 ? "#" : "." }) }
        #expect(rows == ["..#..", ".##..", "..#..", "..#..", "..#..", "..#..", ".###.", ".....", "....."])
        let large = try ink("1", scale: 2)
        #expect(large.count == 18 && large[2][2] && large[3][5] && !large[0][3])
    }

    @Test func otherLettersAreWrittenByThoseThereAre() throws {
        #expect(try ink("Évian – 3 × ß…") == ink("Evian - 3 x ss..."))
        #expect(BitmapFont.width(of: "Évian") == 29 && BitmapFont.width(of: "", scale: 3) == 0)
        // What cannot be written is a box, and takes its place.
        #expect(try ink("猫") != ink("?") && BitmapFont.width(of: "猫a", scale: 2) == 22)
        #expect(try ink("猫") == ink("犬"))
    }

    @Test func longTextsLoseTheirMiddleOrAreBroken() {
        #expect(BitmapFont.shortened("cat/picture-000017.jpg", toWidth: 95) == "cat/pic..017.jpg")
        #expect(BitmapFont.shortened("short.jpg", toWidth: 95) == "short.jpg")
        for width in [1, 5, 11, 30, 200] {
            let text = BitmapFont.shortened("a-very-long-name-without-end", toWidth: width)
            #expect(BitmapFont.width(of: text) <= max(5, width) && !text.isEmpty)
        }
        #expect(BitmapFont.wrapped("one two three", toWidth: 41) == ["one two", "three"])
        #expect(BitmapFont.wrapped("", toWidth: 40).isEmpty)
    }
}
