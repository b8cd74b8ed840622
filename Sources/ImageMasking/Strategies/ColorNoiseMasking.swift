public import RandomStreams
public import RecipeSchema

/// Hides the low places of filtered noise, so that visible patches form blobs, sprinkles or clumps.
///
/// ColorMAE (Hinojosa, Liu, Ghanem, arXiv 2407.13036). High values stay visible. Smooth colours do not hide all cells
/// equally often: the extremes of a smooth field lie at the border of a window.
public struct ColorNoiseMasking: MaskingStrategy {
    /// The name in recipes.
    public static let name = "color"
    /// What others call it, and its colours.
    public static let otherNames = Dictionary(
        NoiseColor.allCases.map { ($0.rawValue, "\"color\" with the key \"color\": \"\($0.rawValue)\"") }
            + ["colormae", "colornoise", "noise", "filterednoise", "coloured", "colourmae"].map { ($0, "\"color\"") },
        uniquingKeysWith: { first, _ in first })

    /// How noise reaches the images of a batch.
    public enum Form: String, RecipeEnum {
        /// A fresh tile for every image; its window at row 0, column 0.
        case streamed
        /// The official way: image k of every run takes tile k of a fixed bank; a run shares one random window.
        case bank
    }

    /// The colour, where there is no schedule.
    public var color = NoiseColor.green
    /// Share of the patches hidden.
    public var ratio = 0.75
    /// The widths and passes of colours that are not given.
    public var preset = NoisePreset.figure
    /// Width of the Gaussian of red or blue, in patches.
    public var sigma: Double?
    /// Width of the narrower Gaussian of green or purple, in patches.
    public var sigmaLow: Double?
    /// Width of the wider Gaussian of green or purple, in patches.
    public var sigmaHigh: Double?
    /// How often the filter is applied.
    public var passes: Int?
    /// How noise reaches the images of a batch.
    public var form = Form.streamed
    /// Side of a noise tile, in patches.
    public var tile = 64
    /// Tiles of a bank.
    public var bank: Int?
    /// Colours by epoch.
    public var schedule: ColorSchedule?

    /// Green noise in the streamed form.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("color", \.color, "Which spatial frequencies the noise keeps."),
        Field("ratio", \.ratio, in: .between(0, 1), "Share of the patches hidden."),
        Field("preset", \.preset, "Filter widths and passes where none are given."),
        Field("sigma", \.sigma, in: .above(0, upTo: 1024), "Gaussian width of red or blue, in patches."),
        Field(
            "sigma_low", \.sigmaLow, in: .above(0, upTo: 1024),
            "Narrower Gaussian width of green or purple, in patches."),
        Field(
            "sigma_high", \.sigmaHigh, in: .above(0, upTo: 1024), "Wider Gaussian width of green or purple, in patches."
        ),
        Field("passes", \.passes, in: .closed(1...64), "How often the filter is applied."),
        Field("form", \.form, "A fresh tile for every image, or windows of a fixed bank."),
        Field("tile", \.tile, in: .closed(1...1024), "Side of a noise tile, in patches."),
        Field("bank", \.bank, in: .closed(1...1 << 24), "Tiles of the bank (form bank; 3072 where none is given)."),
        Field("schedule", \.schedule, "Colours by epoch, instead of one colour."),
    ]

    /// Widths must belong to the colour, and the bank to its form.
    public func check() -> [String] {
        var faults: [String] = []
        let filter = filter(at: 0)
        if sigma != nil && (filter.isBand || color == .white) {
            faults.append("\"sigma\" belongs to red and blue; \(color.rawValue) has \(Self.widths(of: color))")
        }
        if (sigmaLow != nil || sigmaHigh != nil) && !filter.isBand {
            faults.append(
                "\"sigma_low\" and \"sigma_high\" belong to green and purple; \(color.rawValue) has "
                    + Self.widths(of: color))
        }
        if filter.isBand && filter.sigmaLow >= filter.sigmaHigh {
            faults.append("\"sigma_low\" \(filter.sigmaLow) must be below \"sigma_high\" \(filter.sigmaHigh)")
        }
        if schedule != nil && (sigma ?? sigmaLow ?? sigmaHigh) != nil {
            faults.append("a \"schedule\" changes the colour, so its widths come from the preset; remove the widths")
        }
        if bank != nil && form != .bank { faults.append("\"bank\" needs \"form\": \"bank\"") }
        return faults
    }

    private static func widths(of color: NoiseColor) -> String {
        switch color {
        case .white: "no width"
        case .red, .blue: "\"sigma\""
        case .green, .purple: "\"sigma_low\" and \"sigma_high\""
        }
    }

    /// The filter in force at an epoch.
    public func filter(at epoch: Int) -> NoiseFilter {
        var filter = NoiseFilter(color: schedule?.color(at: epoch) ?? color, preset: preset)
        filter.sigmaLow = sigmaLow ?? sigma ?? filter.sigmaLow
        filter.sigmaHigh = sigmaHigh ?? filter.sigmaHigh
        if filter.color != .white { filter.passes = passes ?? filter.passes }
        return filter
    }

    /// The ratio must leave patches on both sides, and a window must fit a tile.
    public func faults(on grid: PatchGrid) -> [String] {
        let fits = tile >= max(grid.rows, grid.columns)
        return ratioFaults(ratio, on: grid)
            + (fits
                ? [] : ["tile \(tile) is smaller than the grid; set it to at least \(max(grid.rows, grid.columns))"])
    }

    /// The ratio.
    public func hiddenShare(on grid: PatchGrid) -> Double? { ratio }

    /// The patches with the highest noise stay visible.
    public func plan(_ request: MaskRequest, random: RandomStream) throws(MaskingError) -> MaskPlan {
        try requireSuited(request.grid)
        let filter = try PeriodicFilter(filter(at: request.epoch), side: tile)
        let grid = request.grid
        let fields: [Float]
        switch form {
        case .streamed:
            fields = request.samples.flatMap { sample -> [Float] in
                filter.window(of: whiteTile(request.stream(of: sample, random)), grid: grid)
            }
        case .bank:
            // Tile k is a function of the seed alone, so the bank need not be kept: only its windows are made.
            var stream = request.batchStream(random)
            let tiles = random.child("bank")
            let size = bank ?? 3072
            var made: [Float] = []
            var window = NoiseWindow(side: tile, grid: grid, &stream)
            for image in request.samples.indices {
                if image > 0 && image % size == 0 { window = NoiseWindow(side: tile, grid: grid, &stream) }
                let white = whiteTile(tiles.child(image % size))
                let field = filter.window(of: white, row: window.row, column: window.column, grid: grid)
                made += window.flipped(field, grid: grid)
            }
            fields = made
        }
        return .patches(
            PatchMask(
                grid: grid, scores: fields, keepingHighest: true,
                visibleCount: grid.visibleCount(ratio: ratio, request.counting)))
    }

    private func whiteTile(_ stream: RandomStream) -> [Float] {
        var stream = stream
        return (0..<tile * tile).map { _ in Float(stream.normal()) }
    }
}
