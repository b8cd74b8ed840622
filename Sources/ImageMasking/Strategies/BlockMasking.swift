public import RandomStreams
public import RecipeSchema

/// Hides an exact number of patches in rectangular blocks of random size, shape and place.
///
/// The masks of CAE (Chen et al., arXiv 2202.03026; `furnace/masking_generator.py`), after BEiT's, which may hide fewer. Blocks
/// overlap and lie inside the grid, so that middle patches are hidden far more often than corners.
public struct BlockMasking: MaskingStrategy {
    /// The name in recipes.
    public static let name = "block"
    /// What others call it.
    public static let otherNames = [
        "blockwise": #""block""#, "beit": #""block""#, "cae": #""block""#, "blocks": #""block""#,
    ]

    /// Patches hidden.
    public var numMasked: Int?
    /// Share of the patches hidden, rounded down; a half where neither is given.
    public var ratio: Double?
    /// Least patches of a block before rounding; 16 on a grid of 196 and in proportion elsewhere.
    public var minPatches: Int?
    /// Most patches that a block may add; all that are to be hidden where it is not given.
    public var maxPatches: Int?
    /// Least rows / columns of a block; the largest is its inverse.
    public var minAspect = 0.3

    /// Half of the patches hidden.
    public init() {}

    /// The options.
    public static let fields: [Field<Self>] = [
        Field("num_masked", \.numMasked, in: .closed(1...1 << 20), "Patches hidden, instead of ratio."),
        Field("ratio", \.ratio, in: .between(0, 1), "Share of the patches hidden, rounded down; null: 0.5."),
        Field(
            "min_patches", \.minPatches, in: .closed(1...1 << 20),
            "Least patches of a block; null: 16 of 196, in proportion."),
        Field(
            "max_patches", \.maxPatches, in: .closed(1...1 << 20),
            "Most patches that a block adds; null: all to be hidden."),
        Field(
            "min_aspect", \.minAspect, in: .closed(0.001...1),
            "Least rows / columns of a block; the largest is its inverse."),
    ]

    /// One way to say how many patches.
    public func check() -> [String] {
        numMasked != nil && ratio != nil ? ["both num_masked and ratio are given; remove one"] : []
    }

    /// Patches hidden on a grid.
    public func hiddenCount(on grid: PatchGrid) -> Int { numMasked ?? Int((ratio ?? 0.5) * Double(grid.count)) }

    /// Least patches of a block on a grid.
    public func leastPatches(on grid: PatchGrid) -> Int {
        minPatches ?? max(1, Int((16 * Double(grid.count) / 196).rounded(.toNearestOrEven)))
    }

    /// The count must leave patches on both sides, and blocks must be able to add up to it.
    public func faults(on grid: PatchGrid) -> [String] {
        let faults = countFaults(on: grid)
        guard faults.isEmpty else { return faults }
        let pilot = RandomStream(seed: 0).child("pilot")
        // A mask of a large grid takes many blocks, and differs less from the next.
        for trial in 0..<max(1, min(16, 65_536 / grid.count)) {
            var stream = pilot.child(trial)
            if drawn(on: grid, from: &stream) == nil { return [neverEnds(on: grid)] }
        }
        return []
    }

    private func countFaults(on grid: PatchGrid) -> [String] {
        let count = hiddenCount(on: grid)
        let option = numMasked == nil ? "ratio \(ratio ?? 0.5)" : "num_masked \(count)"
        if count < 1 { return ["\(option) hides none of \(grid.count) patches; raise it"] }
        if count >= grid.count { return ["\(option) leaves none of \(grid.count) patches visible; lower it"] }
        let least = leastPatches(on: grid)
        // Such blocks would only ever be hidden when their area is drawn far below what was asked for.
        return least > count ? ["min_patches \(least) is more than the \(count) patches to be hidden; lower it"] : []
    }

    private func neverEnds(on grid: PatchGrid) -> String {
        let most = maxPatches.map { ", max_patches \($0)" } ?? ""
        return
            "blocks of min_patches \(leastPatches(on: grid))\(most) and min_aspect \(minAspect) do not add up to "
            + "\(hiddenCount(on: grid)) hidden patches; lower min_patches or use \"strategy\": \"random\""
    }

    /// Every image's blocks come from its own stream.
    public func plan(_ request: MaskRequest, random: RandomStream) throws(MaskingError) -> MaskPlan {
        let grid = request.grid
        func fault(_ reason: String) -> MaskingError { .unsuited(strategy: Self.name, grid: grid, reason: reason) }
        if let reason = (check() + countFaults(on: grid)).first { throw fault(reason) }
        var hidden: [[Bool]] = []
        for sample in request.samples {
            var stream = request.stream(of: sample, random)
            guard let drawn = drawn(on: grid, from: &stream) else { throw fault(neverEnds(on: grid)) }
            hidden.append(drawn.hidden)
        }
        return .patches(PatchMask(grid: grid, hidden: hidden))
    }

    private func drawn(on grid: PatchGrid, from stream: inout RandomStream) -> DrawnMask? {
        draw(on: grid) {
            DrawnBlock(
                area: Double(stream.uniform()), aspect: Double(stream.uniform()), top: Double(stream.uniform()),
                left: Double(stream.uniform()))
        }
    }
}

extension BlockMasking {
    /// The numbers behind one attempt at a block, each in [0, 1).
    public struct DrawnBlock: Sendable {
        /// Places the area.
        public var area: Double
        /// Places the logarithm of the aspect.
        public var aspect: Double
        /// Places the first row.
        public var top: Double
        /// Places the first column.
        public var left: Double

        /// Four numbers.
        public init(area: Double, aspect: Double, top: Double, left: Double) {
            self.area = area
            self.aspect = aspect
            self.top = top
            self.left = left
        }
    }

    /// A mask, and what it took.
    public struct DrawnMask: Sendable, Equatable {
        /// True for a hidden patch, row by row.
        public var hidden: [Bool]
        /// Blocks tried.
        public var attempts: Int
        /// Blocks hidden.
        public var blocks: Int
    }

    /// Attempts in a row that add no patch, after which the mask is begun afresh, and how often that is done.
    private static let (patience, freshStarts) = (1000, 10)

    /// A mask from one set of numbers an attempt; nil where the blocks do not add up to the count.
    ///
    /// The official generator tries ten times for a block and then asks again how many patches are left; nothing has changed
    /// by then, so attempts simply go on here.
    public func draw<Failure: Error>(
        on grid: PatchGrid, next: () throws(Failure) -> DrawnBlock
    ) throws(Failure) -> DrawnMask? {
        let count = hiddenCount(on: grid)
        var mask = DrawnMask(hidden: [], attempts: 0, blocks: 0)
        for _ in 0...Self.freshStarts {
            mask.hidden = [Bool](repeating: false, count: grid.count)
            mask.blocks = 0
            var room = count
            var failures = 0
            while room > 0 && failures < Self.patience {
                let added = add(try next(), room: room, to: &mask, on: grid)
                failures = added == 0 ? failures + 1 : 0
                room -= added
            }
            if room == 0 { return mask }
        }
        return nil
    }

    /// Hides a block that fits and adds at least one patch and at most `room`; returns how many it added.
    private func add(_ block: DrawnBlock, room: Int, to mask: inout DrawnMask, on grid: PatchGrid) -> Int {
        mask.attempts += 1
        let remaining = room
        let room = min(room, maxPatches ?? room)
        let least = Double(leastPatches(on: grid))
        // Near the end the room may be below the least area: the range then runs downwards.
        let area = least + (Double(room) - least) * block.area
        let (narrow, wide) = (naturalLogarithm(minAspect), naturalLogarithm(1 / minAspect))
        let aspect = exponential(narrow + (wide - narrow) * block.aspect)
        let rows = (area * aspect).squareRoot().rounded(.toNearestOrEven)
        let columns = (area / aspect).squareRoot().rounded(.toNearestOrEven)
        guard rows < Double(grid.rows) && columns < Double(grid.columns) else { return 0 }
        let size = BlockSize(rows: Int(rows), columns: Int(columns))
        // However it lies, it would add too many: no need to look at its cells.
        guard size.count - hiddenCount(on: grid) + remaining <= room else { return 0 }
        let top = Int(block.top * Double(grid.rows - size.rows + 1))
        let left = Int(block.left * Double(grid.columns - size.columns + 1))
        let new = size.cells(top: top, left: left, on: grid).filter { !mask.hidden[Int($0)] }
        guard new.count > 0 && new.count <= room else { return 0 }
        for cell in new { mask.hidden[Int(cell)] = true }
        mask.blocks += 1
        return new.count
    }
}
