import ImageMasking
import RandomStreams
import Testing

/// Masks of coarse squares, parts that are predicted, and the visible rectangle of CAPI.
struct MaskUnitTests {
    private static let grid = PatchGrid(rows: 4, columns: 6)
    private static let request = MaskRequest(grid: grid, samples: [5, 1, 9], epoch: 2, step: 7)
    private static let random = RandomStream(seed: 3)

    private func patches(_ plan: MaskPlan) throws -> PatchMask {
        guard case .patches(let mask) = plan else { throw MaskingError.lacksImportance(strategy: "none") }
        return mask
    }

    @Test func squaresAreHiddenWhole() throws {
        var strategy = RandomMasking()
        strategy.ratio = 0.5
        let mask = try patches(try strategy.plan(Self.request, unit: 2, random: Self.random))
        #expect(mask.grid == Self.grid && mask.visibleCount == 12 && mask.imageCount == 3)
        for image in 0..<3 {
            for cell in 0..<Self.grid.count {
                let (row, column) = (cell / 6 / 2 * 2, cell % 6 / 2 * 2)
                #expect(mask.isHidden(cell, in: image) == mask.isHidden(row * 6 + column, in: image))
            }
            // Squares in the order of the strategy, inside a square row by row.
            let first = mask.visible(image).prefix(4)
            let start = try #require(first.first)
            #expect(Array(first) == [start, start + 1, start + 6, start + 7])
        }
    }

    @Test func aSquareOfOnePatchChangesNothing() throws {
        let strategy = ColorNoiseMasking()
        #expect(
            try strategy.plan(Self.request, unit: 1, random: Self.random)
                == strategy.plan(Self.request, random: Self.random))
    }

    @Test func blocksAreEnlarged() throws {
        var strategy = MultiBlockMasking()
        strategy.minKeep = 1
        let request = MaskRequest(grid: PatchGrid(rows: 12, columns: 12), samples: [1, 2])
        guard case .blocks(let mask) = try strategy.plan(request, unit: 2, random: Self.random) else {
            Issue.record("no blocks")
            return
        }
        #expect(mask.grid == request.grid && mask.targetLength % 4 == 0 && mask.contextLength % 4 == 0)
        let target = mask.targets[0][0].map { Int($0) }
        #expect(target.allSatisfy { target.contains($0 / 24 * 24 + $0 % 12 / 2 * 2) })
        #expect(mask.targetBlock.map { $0.rows % 2 == 0 && $0.columns % 2 == 0 } == true)
    }

    @Test func importanceOfASquareIsTheMeanOfItsPatches() throws {
        var strategy = AttentionMasking()
        strategy.ratio = 0.5
        var request = MaskRequest(grid: PatchGrid(rows: 2, columns: 4), samples: Array(0..<50))
        // All of the left square's importance is in one patch, and the right has none.
        request.importance = Array(repeatElement([0, 3, 0, 0, 0, 0, 0, 0], count: 50).joined())
        let mask = try patches(try strategy.plan(request, unit: 2, random: Self.random))
        for image in 0..<50 { #expect(mask.visible(image).sorted() == [0, 1, 4, 5]) }
    }

    @Test func sidesThatDoNotTileAndPlansWithoutPatchesAreRefused() {
        #expect(throws: MaskingError.self) { try RandomMasking().plan(Self.request, unit: 3, random: Self.random) }
        #expect(throws: MaskingError.self) { try RandomMasking().plan(Self.request, unit: 0, random: Self.random) }
        #expect(throws: MaskingError.self) { try FrequencyMasking().plan(Self.request, unit: 2, random: Self.random) }
    }

    @Test func sharesAreCountedByTheirRules() {
        func grid(_ count: Int) -> PatchGrid { PatchGrid(rows: 1, columns: count) }
        #expect(grid(25).visibleCount(ratio: 0.28, .hiddenUp) == 17)
        #expect(grid(25).visibleCount(ratio: 0.28, .visibleDown) == 18)
        #expect(grid(49).visibleCount(ratio: 0.6, .hiddenUp) == 19)
        // CrossMAE: what is left is predicted.
        let ten = PredictedShare(of: 10, hidden: 0.75, predicted: 0.65)
        #expect((ten.visible, ten.skipped, ten.predicted) == (2, 0, 8))
        let more = PredictedShare(of: 10, hidden: 0.8, predicted: 0.1)
        #expect((more.visible, more.skipped, more.predicted) == (1, 7, 2))
    }

    @Test func thePredictedAreTheLastOfTheOrder() throws {
        let mask = try patches(try RandomMasking().plan(Self.request, random: Self.random)).predicting(3)
        for image in 0..<3 { #expect(Array(mask.predicted(image)) == Array(mask.hidden(image).suffix(3))) }
        #expect(mask.enlarged(2).predictedCount == 12)
        #expect(try patches(try RandomMasking().plan(Self.request, random: Self.random)).predictedCount == 18)
    }

    @Test func theVisibleRectangleRollsRoundTheEdges() throws {
        var strategy = InverseBlockMasking()
        strategy.predictShare = 0.5
        let grid = PatchGrid(rows: 6, columns: 8)
        let images = 4000
        let mask = try patches(
            try strategy.plan(MaskRequest(grid: grid, samples: Array(0..<images)), random: Self.random))
        #expect(mask.visibleCount == 48 - 31 && mask.predictedCount == 15)
        var seen = [Int](repeating: 0, count: grid.count)
        for image in 0..<images { for cell in mask.visible(image) { seen[Int(cell)] += 1 } }
        let share = 17.0 / 48
        let spread = 5 * (share * (1 - share) / Double(images)).squareRoot()
        for count in seen { #expect(abs(Double(count) / Double(images) - share) < spread) }
        strategy.roll = false
        let still = try patches(try strategy.plan(Self.request, random: Self.random))
        // Without the roll the cells lie in one rectangle that is full but for its last row.
        for image in 0..<3 {
            let cells = still.visible(image).map { Int($0) }
            let columns = Set(cells.map { $0 % 6 })
            #expect(columns.count == (columns.max() ?? 0) - (columns.min() ?? 0) + 1)
        }
    }

    @Test(arguments: [PatchGrid(rows: 2, columns: 20), PatchGrid(rows: 14, columns: 3), PatchGrid(rows: 1, columns: 9)])
    func longGridsHaveMasksToo(grid: PatchGrid) throws {
        var strategy = InverseBlockMasking()
        strategy.predictShare = 1
        #expect(strategy.faults(on: grid).isEmpty)
        let mask = try patches(
            try strategy.plan(MaskRequest(grid: grid, samples: Array(0..<200)), random: Self.random))
        #expect(mask.visibleCount == grid.count - strategy.hiddenCount(on: grid))
        #expect(mask.predictedCount == strategy.hiddenCount(on: grid))
    }
}
