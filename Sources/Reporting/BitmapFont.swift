import Foundation

/// Letters for captions in pictures: printable ASCII, five pixels wide, seven above the line and two below, drawn for
/// this project.
///
/// Other characters are written by ASCII ones where that is possible (é as e, … as three dots), else as an empty box.
public enum BitmapFont {
    /// Pixels of a letter from left to right.
    public static let letterWidth = 5
    /// Pixels of a letter from top to bottom, two of them below the line.
    public static let letterHeight = 9
    /// Pixels from one letter to the next.
    static let advance = letterWidth + 1

    /// Pixels that a text takes from left to right, each drawn `scale` times.
    public static func width(of text: String, scale: Int = 1) -> Int {
        let letters = codes(of: text).count
        return letters == 0 ? 0 : (letters * advance - 1) * scale
    }

    /// A text that takes at most `width` pixels: what is too long loses its middle, so that beginning and end are seen.
    public static func shortened(_ text: String, toWidth width: Int, scale: Int = 1) -> String {
        let most = max(1, (width / scale + 1) / advance)
        let letters = codes(of: text)
        guard letters.count > most else { return text }
        guard most > 4 else { return string(letters.prefix(most)) }
        let front = (most - 2) / 2
        return string(letters.prefix(front)) + ".." + string(letters.suffix(most - 2 - front))
    }

    /// The lines of a text that take at most `width` pixels each, broken between words; a longer word is shortened.
    public static func wrapped(_ text: String, toWidth width: Int, scale: Int = 1) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            let joined = lines.last.map { "\($0) \(word)" }
            if let joined, self.width(of: joined, scale: scale) <= width {
                lines[lines.count - 1] = joined
            } else {
                lines.append(shortened(String(word), toWidth: width, scale: scale))
            }
        }
        return lines
    }

    /// The rows of a letter from top to bottom, five bits each, the leftmost pixel the highest.
    static func rows(of code: UInt8) -> ArraySlice<UInt8> {
        let letter = Int(min(max(code, 32), unknown)) - 32
        return patterns[letter * letterHeight..<(letter + 1) * letterHeight]
    }

    /// The letters of a text by their ASCII numbers; `unknown` for what has none.
    static func codes(of text: String) -> [UInt8] {
        text.decomposedStringWithCanonicalMapping.unicodeScalars.flatMap { scalar -> [UInt8] in
            if (32..<127).contains(scalar.value) { return [UInt8(scalar.value)] }
            // Accents, which stand behind their letter.
            if scalar.properties.generalCategory == .nonspacingMark { return [] }
            return substitutes[scalar].map { Array($0.utf8) } ?? [unknown]
        }
    }

    /// The box of characters that cannot be written.
    static let unknown: UInt8 = 127

    private static let substitutes: [UnicodeScalar: String] = [
        "–": "-", "—": "-", "−": "-", "…": "...", "’": "'", "‘": "'", "“": "\"", "”": "\"", "×": "x", "±": "+-",
        "≥": ">=", "≤": "<=", "·": ".", "ß": "ss", "æ": "ae", "ø": "o", "ł": "l", "µ": "u", "\u{A0}": " ",
    ]

    private static func string(_ codes: some Collection<UInt8>) -> String { String(decoding: codes, as: UTF8.self) }

    /// All letters, nine rows each, from the space to the box.
    private static let patterns: [UInt8] = {
        var rows: [UInt8] = []
        let lines = drawing.split(separator: "\n").map { $0.split(separator: " ") }
        for block in stride(from: 0, to: lines.count, by: letterHeight) {
            for letter in lines[block].indices {
                for line in lines[block..<block + letterHeight] {
                    rows.append(line[letter].reduce(0) { $0 << 1 | ($1 == "#" ? 1 : 0) })
                }
            }
        }
        return rows
    }()

    /// Sixteen letters a block, in the order of ASCII.
    private static let drawing = """
        ..... ..#.. .#.#. .#.#. ..#.. ##... .##.. ..#.. ...#. .#... ..... ..... ..... ..... ..... .....
        ..... ..#.. .#.#. .#.#. .#### ##..# #..#. ..#.. ..#.. ..#.. ..#.. ..#.. ..... ..... ..... ....#
        ..... ..#.. ..... ##### #.#.. ...#. #.#.. ..... .#... ...#. #.#.# ..#.. ..... ..... ..... ...#.
        ..... ..#.. ..... .#.#. .###. ..#.. .#... ..... .#... ...#. .###. ##### ..... ##### ..... ..#..
        ..... ..#.. ..... ##### ..#.# .#... #.#.# ..... .#... ...#. #.#.# ..#.. ..... ..... ..... .#...
        ..... ..... ..... .#.#. ####. #..## #..#. ..... ..#.. ..#.. ..#.. ..#.. ..... ..... ..#.. #....
        ..... ..#.. ..... .#.#. ..#.. ...## .##.# ..... ...#. .#... ..... ..... ..#.. ..... ..#.. .....
        ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..#.. ..... ..... .....
        ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .#... ..... ..... .....

        .###. ..#.. .###. ##### ...#. ##### ..##. ##### .###. .###. ..... ..... ...#. ..... .#... .###.
        #...# .##.. #...# ...#. ..##. #.... .#... ....# #...# #...# ..#.. ..... ..#.. ..... ..#.. #...#
        #..## ..#.. ....# ..#.. .#.#. ####. #.... ...#. #...# #...# ..#.. ..#.. .#... ##### ...#. ....#
        #.#.# ..#.. ...#. ...#. #..#. ....# ####. ..#.. .###. .#### ..... ..#.. #.... ..... ....# ...#.
        ##..# ..#.. ..#.. ....# ##### ....# #...# .#... #...# ....# ..#.. ..... .#... ##### ...#. ..#..
        #...# ..#.. .#... #...# ...#. #...# #...# .#... #...# ...#. ..#.. ..... ..#.. ..... ..#.. .....
        .###. .###. ##### .###. ...#. .###. .###. .#... .###. .##.. ..... ..#.. ...#. ..... .#... ..#..
        ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..#.. ..... ..... ..... .....
        ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .#... ..... ..... ..... .....

        .###. .###. ####. .###. ###.. ##### ##### .###. #...# .###. ..### #...# #.... #...# #...# .###.
        #...# #...# #...# #...# #..#. #.... #.... #...# #...# ..#.. ...#. #..#. #.... ##.## #...# #...#
        #.### #...# #...# #.... #...# #.... #.... #.... #...# ..#.. ...#. #.#.. #.... #.#.# ##..# #...#
        #.#.# ##### ####. #.... #...# ####. ####. #.### ##### ..#.. ...#. ##... #.... #.#.# #.#.# #...#
        #.### #...# #...# #.... #...# #.... #.... #...# #...# ..#.. ...#. #.#.. #.... #...# #..## #...#
        #.... #...# #...# #...# #..#. #.... #.... #...# #...# ..#.. #..#. #..#. #.... #...# #...# #...#
        .###. #...# ####. .###. ###.. ##### #.... .#### #...# .###. .##.. #...# ##### #...# #...# .###.
        ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....
        ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....

        ####. .###. ####. .#### ##### #...# #...# #...# #...# #...# ##### .###. ..... .###. ..#.. .....
        #...# #...# #...# #.... ..#.. #...# #...# #...# #...# #...# ....# .#... #.... ...#. .#.#. .....
        #...# #...# #...# #.... ..#.. #...# #...# #...# .#.#. #...# ...#. .#... .#... ...#. #...# .....
        ####. #...# ####. .###. ..#.. #...# #...# #.#.# ..#.. .#.#. ..#.. .#... ..#.. ...#. ..... .....
        #.... #.#.# #.#.. ....# ..#.. #...# #...# #.#.# .#.#. ..#.. .#... .#... ...#. ...#. ..... .....
        #.... #..#. #..#. ....# ..#.. #...# .#.#. #.#.# #...# ..#.. #.... .#... ....# ...#. ..... .....
        #.... .##.# #...# ####. ..#.. .###. ..#.. .#.#. #...# ..#.. ##### .###. ..... .###. ..... .....
        ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... #####
        ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... ..... .....

        .#... ..... #.... ..... ....# ..... ..##. ..... #.... ..#.. ...#. #.... .##.. ..... ..... .....
        ..#.. ..... #.... ..... ....# ..... .#..# ..... #.... ..... ..... #.... ..#.. ..... ..... .....
        ...#. .###. #.##. .###. .##.# .###. .#... .##.# #.##. .##.. ..##. #..#. ..#.. ##.#. #.##. .###.
        ..... ....# ##..# #.... #..## #...# ###.. #..## ##..# ..#.. ...#. #.#.. ..#.. #.#.# ##..# #...#
        ..... .#### #...# #.... #...# ##### .#... #...# #...# ..#.. ...#. ##... ..#.. #.#.# #...# #...#
        ..... #...# #...# #...# #...# #.... .#... #...# #...# ..#.. ...#. #.#.. ..#.. #...# #...# #...#
        ..... .#### ####. .###. .#### .###. .#... .#### #...# .###. ...#. #..#. .###. #...# #...# .###.
        ..... ..... ..... ..... ..... ..... ..... #...# ..... ..... ...#. ..... ..... ..... ..... .....
        ..... ..... ..... ..... ..... ..... ..... .###. ..... ..... .##.. ..... ..... ..... ..... .....

        ..... ..... ..... ..... .#... ..... ..... ..... ..... ..... ..... ...#. ..#.. .#... ..... #####
        ..... ..... ..... ..... .#... ..... ..... ..... ..... ..... ..... ..#.. ..#.. ..#.. ..... #...#
        #.##. .##.# #.##. .###. ###.. #...# #...# #...# #...# #...# ##### ..#.. ..#.. ..#.. .#... #...#
        ##..# #..## ##..# #.... .#... #...# #...# #...# .#.#. #...# ...#. .#... ..#.. ...#. #.#.# #...#
        #...# #...# #.... .###. .#... #...# #...# #.#.# ..#.. #...# ..#.. ..#.. ..#.. ..#.. ...#. #...#
        #...# #...# #.... ....# .#..# #..## .#.#. #.#.# .#.#. #...# .#... ..#.. ..#.. ..#.. ..... #...#
        ####. .#### #.... ####. ..##. .##.# ..#.. .#.#. #...# .#### ##### ...#. ..#.. .#... ..... #####
        #.... ....# ..... ..... ..... ..... ..... ..... ..... ....# ..... ..... ..... ..... ..... .....
        #.... ....# ..... ..... ..... ..... ..... ..... ..... .###. ..... ..... ..... ..... ..... .....
        """
}
