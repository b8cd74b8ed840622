public import RandomStreams
public import RecipeSchema

/// Leaves one rectangle visible, which may wrap round the edges, and hides everything else; a part of what is hidden is to be predicted.
///
/// CAPI (Darcet et al., arXiv 2502.08769; its code). With the roll every cell is visible equally often.
public struct InverseBlockMasking: MaskingStrategy {
    /// The name in recipes.
    public static let name = "inverse_block"
    /// What others call it.
    public static let otherNames = ["capi": #""inverse_block""#, "inverseblock": #""inverse_block""#]

    /// Share of the patches hidden, rounded down.
    public var ratio = 0.65
    /// Share of the hidden patches that are to be predicted, rounded down.
    public var predictShare = 0.05
    /// Least rows / columns of the rectangle; the largest is its inverse.
    public var minAspect = 0.5
    /// Whether the rectangle is shifted round the edges.
    public var roll = true

    /// The published setting, of grids of 256 patches.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("ratio", \.ratio, in: .between(0, 1), "Share of the patches hidden, rounded down."),
        Field(
            "predict_share", \.predictShare, in: .above(0, upTo: 1),
            "Share of the hidden patches that capi and crossmae predict, rounded down; other methods predict all."
        ),
        Field(
            "min_aspect", \.minAspect, in: .closed(0.001...1),
            "Least rows / columns of the visible rectangle; the largest is its inverse."),
        Field(
            "roll", \.roll,
            "Whether the rectangle is shifted round the edges, so that all patches are visible equally often."),
    ]

    /// By `predict_share`.
    public var predictedPart: Double? { predictShare }

    /// Patches hidden on a grid.
    public func hiddenCount(on grid: PatchGrid) -> Int { Int(Double(grid.count) * ratio) }

    /// Patches to be predicted on a grid.
    public func predictedCount(on grid: PatchGrid) -> Int { Int(Double(hiddenCount(on: grid)) * predictShare) }

    /// Methods that predict all that is hidden do not ask.
    public func predictedFault(on grid: PatchGrid) -> String? {
        predictedCount(on: grid) > 0
            ? nil : "predict_share \(predictShare) of \(hiddenCount(on: grid)) hidden patches is not one; raise it"
    }

    /// Something must be hidden, and something visible.
    public func faults(on grid: PatchGrid) -> [String] {
        let hidden = hiddenCount(on: grid)
        if hidden < 1 { return ["ratio \(ratio) hides none of \(grid.count) patches; raise it"] }
        if hidden >= grid.count { return ["ratio \(ratio) leaves none of \(grid.count) patches visible; lower it"] }
        return []
    }

    /// Every image's draws come from its own stream; of its order the last patches are to be predicted.
    public func plan(_ request: MaskRequest, random: RandomStream) throws(MaskingError) -> MaskPlan {
        try requireSuited(request.grid)
        let grid = request.grid
        let predicted = max(1, predictedCount(on: grid))
        let orders = request.samples.map { sample -> [Int32] in
            var stream = request.stream(of: sample, random)
            let visible = visible(on: grid) { Double(stream.uniform()) }
            let chosen = self.predicted(visible: visible, on: grid) { Double(stream.uniform()) }
            return Self.order(visible: visible, predicted: chosen, on: grid)
        }
        let count = grid.count - hiddenCount(on: grid)
        return .patches(PatchMask(grid: grid, orders: orders, visibleCount: count).predicting(predicted))
    }

    /// The visible cells, ascending, by uniform numbers of `next`.
    public func visible<Failure: Error>(
        on grid: PatchGrid, next: () throws(Failure) -> Double
    ) throws(Failure) -> [Int32] {
        let count = grid.count - hiddenCount(on: grid)
        let n = Double(count)
        let (rows, columns) = (Double(grid.rows), Double(grid.columns))
        let least = naturalLogarithm(minAspect)
        let tallest = naturalLogarithm(rows * rows / (n + 1e-5))
        let low = max(least, naturalLogarithm(n / (columns * columns)))
        let high = min(-least, tallest)
        let u = try next()
        // On long grids no rectangle of the aspects fits: it spans the short side.
        let aspect =
            low <= high
            ? exponential(low + (high - low) * u) : tallest < least ? exponential(tallest) : n / (columns * columns)
        let height = min(grid.rows, Int((n * aspect).squareRoot().rounded(.up)))
        let width = min(grid.columns, Int((n / aspect).squareRoot().rounded(.up)))
        func below(_ count: Int) throws(Failure) -> Int { min(count - 1, Int(try next() * Double(count))) }
        let top = try below(grid.rows - height + 1)
        let left = try below(grid.columns - width + 1)
        var cells = BlockSize(rows: height, columns: width).cells(top: top, left: left, on: grid).sorted().prefix(count)
            .map { $0 }
        if roll {
            let (down, right) = (try below(grid.rows), try below(grid.columns))
            cells = cells.map { cell in
                let row = (Int(cell) / grid.columns + down) % grid.rows
                let column = (Int(cell) % grid.columns + right) % grid.columns
                return Int32(row * grid.columns + column)
            }
        }
        return cells.sorted()
    }

    /// The cells to be predicted, in the order of their uniform numbers of `next`: one for each hidden cell, ascending.
    public func predicted<Failure: Error>(
        visible: [Int32], on grid: PatchGrid, next: () throws(Failure) -> Double
    ) throws(Failure) -> [Int32] {
        let seen = Set(visible)
        let hidden = (0..<Int32(grid.count)).filter { !seen.contains($0) }
        var draws: [Float] = []
        for _ in hidden { draws.append(Float(try next())) }
        return stableOrder(draws[...], descending: false).prefix(predictedCount(on: grid)).map { hidden[Int($0)] }
    }

    /// Visible cells, hidden ones that are not predicted, predicted ones.
    public static func order(visible: [Int32], predicted: [Int32], on grid: PatchGrid) -> [Int32] {
        let known = Set(visible + predicted)
        return visible + (0..<Int32(grid.count)).filter { !known.contains($0) } + predicted
    }
}
