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

    /// What is written on a sheet, so that it can be read without anything beside it. Empty texts take no room.
    public struct Captions: Sendable {
        /// Above everything: what the sheet shows, then how to read it. Long lines are broken.
        public var title: [String] = []
        /// Above the first picture of each column.
        public var columns: [String] = []
        /// Above each row, from the left.
        public var rows: [String] = []
        /// Below each picture, by row and column: lines, of which long ones lose their middle.
        public var pictures: [[[String]]] = []
        /// A picture below the title in its own size, such as a scale of colours.
        public var legend: Picture?

        /// Texts.
        public init(
            title: [String] = [], columns: [String] = [], rows: [String] = [], pictures: [[[String]]] = []
        ) {
            self.title = title
            self.columns = columns
            self.rows = rows
            self.pictures = pictures
        }
    }

    private let rows: [[Picture]]
    private let scale: Int
    private let gap: Int
    private let captions: Captions

    /// Pixels that each pixel of a letter takes, in both directions.
    private static let textScale = 2
    /// Pixels from one line of text to the next.
    private static let lineHeight = textScale * (BitmapFont.letterHeight + 2)

    /// A sheet with pictures of one size, each pixel drawn `scale` times in both directions.
    public init(rows: [[Picture]], scale: Int, gap: Int = 6, captions: Captions = Captions()) {
        self.rows = rows
        self.scale = scale
        self.gap = gap
        self.captions = captions
    }

    /// The PNG file.
    public func png() throws(ImageError) -> [UInt8] {
        let all = rows.joined()
        let cell = (height: (all.map(\.height).max() ?? 0) * scale, width: (all.map(\.width).max() ?? 0) * scale)
        let columns = max(rows.map(\.count).max() ?? 0, 1)
        // Titles need room even above a single small picture.
        let width = max(
            columns * (cell.width + gap) + gap, captions.title.isEmpty ? 0 : Self.narrowest,
            captions.legend.map { $0.width + 2 * gap } ?? 0)
        func wrapped(_ text: String, _ width: Int) -> [String] {
            BitmapFont.wrapped(text, toWidth: width, scale: Self.textScale)
        }
        let title = captions.title.map { wrapped($0, width - 2 * gap) }
        let names = captions.columns.map { wrapped($0, cell.width) }
        let rowTitles = rows.indices.map { row in
            captions.rows.indices.contains(row) ? wrapped(captions.rows[row], width - 2 * gap) : []
        }
        let lines = captions.pictures.joined().map(\.count).max() ?? 0
        let below = lines == 0 ? 0 : lines * Self.lineHeight + gap
        let legend = captions.legend.map { $0.height + gap } ?? 0
        let head = legend + room(title.joined().count) + room(names.map(\.count).max() ?? 0)
        let height =
            gap + head + rowTitles.reduce(0) { $0 + room($1.count) } + rows.count * (cell.height + below + gap)

        var canvas = Canvas(height: height, width: width)
        var top = gap
        func write(_ lines: [String], left: Int, _ colour: Canvas.Colour = .ink) {
            for (number, line) in lines.enumerated() {
                canvas.write(line, top: top + number * Self.lineHeight, left: left, scale: Self.textScale, colour)
            }
        }
        for (number, lines) in title.enumerated() {
            write(lines, left: gap, number == 0 ? .ink : .gray)
            top += lines.count * Self.lineHeight
        }
        if !title.isEmpty { top += gap }
        if let picture = captions.legend { canvas.draw(picture, top: top, left: gap) }
        top += legend
        for (column, lines) in names.enumerated() { write(lines, left: gap + column * (cell.width + gap)) }
        top += room(names.map(\.count).max() ?? 0)
        for (r, row) in rows.enumerated() {
            write(rowTitles[r], left: gap)
            top += room(rowTitles[r].count)
            for (c, picture) in row.enumerated() {
                canvas.draw(picture, top: top, left: gap + c * (cell.width + gap), scale: scale)
            }
            top += cell.height
            if lines > 0, captions.pictures.indices.contains(r) {
                top += gap
                for (c, lines) in captions.pictures[r].enumerated() {
                    let short = lines.map {
                        BitmapFont.shortened($0, toWidth: cell.width, scale: Self.textScale)
                    }
                    write(short, left: gap + c * (cell.width + gap), .gray)
                }
                top -= gap
            }
            top += below + gap
        }
        return try canvas.png()
    }

    /// The narrowest sheet with a title.
    private static let narrowest = 640

    /// Pixels that some lines of text take, with the gap behind them.
    private func room(_ lines: Int) -> Int { lines == 0 ? 0 : lines * Self.lineHeight + gap }
}
