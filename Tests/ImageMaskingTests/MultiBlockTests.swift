import ImageMasking
import RecipeSchema
import Testing

struct MultiBlockTests {
    static let grid = PatchGrid(rows: 8, columns: 8)

    private func small(_ geometry: MultiBlockMasking.Geometry) -> MultiBlockMasking {
        var options = MultiBlockMasking()
        options.geometry = geometry
        options.minKeep = 4
        return options
    }

    private func mask(_ options: MultiBlockMasking, _ images: Int = 16, step: Int = 0) throws -> BlockMask {
        let request = MaskRequest(grid: Self.grid, samples: Array(0..<images), step: step)
        return try blocks(of: try options.plan(request, random: RandomStream(seed: 2)))
    }

    /// The blocks of a plan; a plan of another kind fails the test.
    private func blocks(of plan: MaskPlan) throws -> BlockMask {
        let mask: BlockMask? = if case .blocks(let mask) = plan { mask } else { nil }
        return try #require(mask, "the plan is one of \(plan.kind)")
    }

    @Test func unbiasedContextsNeverHoldCellsOfTargets() throws {
        for step in 0..<40 {
            let mask = try mask(small(.unbiased), step: step)
            #expect(mask.contextLength >= 4)
            for image in 0..<mask.imageCount {
                #expect(!mask.contexts[0][image].contains { mask.isTarget(Int($0), in: image) })
            }
        }
    }

    @Test func theReferenceNeverReachesTheLastRowAndColumnAndTheUnbiasedGeometryDoes() throws {
        let last = (0..<8).flatMap { [7 * 8 + $0, $0 * 8 + 7] }
        for (geometry, reached) in [(MultiBlockMasking.Geometry.reference, false), (.unbiased, true)] {
            var statistics = MaskStatistics(grid: Self.grid)
            for step in 0..<60 { statistics.add(try mask(small(geometry), step: step)) }
            #expect(last.contains { statistics.visibleTimes[$0] > 0 } == reached)
            #expect(last.allSatisfy { statistics.targetTimes[$0] > 0 } == reached)
        }
    }

    @Test func sizesBelongToTheBatchAndReferencePlacesToTheImage() throws {
        let options = small(.reference)
        let batch = try mask(options)
        let request = MaskRequest(grid: Self.grid, samples: [5])
        let alone = try blocks(of: try options.plan(request, random: RandomStream(seed: 2)))
        #expect(alone.targetBlock == batch.targetBlock && alone.contextBlock == batch.contextBlock)
        #expect(alone.targets.map { $0[0] } == batch.targets.map { $0[5] })
        let sizes = try (0..<40).map { try mask(options, 1, step: $0).targetBlock }
        #expect(Set(sizes) == [BlockSize(rows: 3, columns: 3), BlockSize(rows: 4, columns: 3)])
    }

    @Test func aContextForgetsTheLastTargetAfterTwentyFailures() {
        // The first target covers the block of the context, which is always drawn at the same place.
        let grid = PatchGrid(rows: 4, columns: 4)
        var options = MultiBlockMasking()
        options.targets = 2
        options.minKeep = 3
        let block = BlockSize(rows: 2, columns: 2)
        var tries = 0
        let drawn = ReferenceBlocks(options, on: grid).draw(images: 1, target: block, context: block) {
            (_, rows, columns) -> (top: Int, left: Int) in
            tries += 1
            #expect(rows == 2 && columns == 2)
            return tries == 2 ? (1, 1) : (0, 0)
        }
        // Two targets, 20 failures beside both, 20 beside the first, one success beside none.
        #expect(tries == 43)
        #expect(drawn.contexts == [[[0, 1, 4, 5]]])
        #expect(drawn.targets == [[[0, 1, 4, 5], [5, 6, 9, 10]]])
    }

    @Test func theLastResortIsCountedAndKeepsTargetsAndContextsApart() {
        var options = MultiBlockMasking()
        options.targets = 1
        let grid = PatchGrid(rows: 3, columns: 3)
        // The 2 x 2 target always leaves 5 cells of the 3 x 3 block: ask for one more.
        options.minKeep = 6
        var draws = 0
        let drawn = UnbiasedBlocks(options, on: grid).draw(
            images: 1, target: BlockSize(rows: 2, columns: 2), context: BlockSize(rows: 3, columns: 3)
        ) {
            draws += 1
            return 0.3
        }
        #expect(drawn.fallbackCount == 1)
        #expect(draws == 20 * (2 + 20 * 2) + 1)
        // below(4) of 0.3 is 1: targets top right, contexts bottom left.
        #expect(drawn.targets == [[[1, 2, 4, 5]]])
        #expect(drawn.contexts == [[[0, 3, 6, 7, 8]]])
    }

    @Test func longerContextsAreCutByChanceInTheUnbiasedGeometry() throws {
        var options = MultiBlockMasking()
        options.targets = 1
        options.minKeep = 1
        let grid = PatchGrid(rows: 1, columns: 6)
        let sampler = UnbiasedBlocks(options, on: grid)
        // Places: image 0 target 0, context 0 (one cell left of two), image 1 target 5, context 0 (two cells).
        var places = [0, 0, 0, 0, 0, 0.95, 0, 0].makeIterator()
        let drawn = sampler.draw(
            images: 2, target: BlockSize(rows: 1, columns: 1), context: BlockSize(rows: 1, columns: 2)
        ) { places.next() ?? 0 }
        #expect(drawn.contexts == [[[1]], [[0, 1]]])
        var ranks = [0.9, 0.1].makeIterator()
        let mask = sampler.cut(drawn) { ranks.next() ?? 0 }
        #expect(mask.contexts == [[[1], [1]]])
    }

    @Test(arguments: [
        ("unbiased", 2, 2, 4, "leave at most 3 context cells, fewer than min_keep 4"),
        ("unbiased", 4, 4, 10, "% of the images find no context of min_keep 10 cells"),
        ("reference", 8, 8, 9, "a 3x3 target block never has more than min_keep 9 cells"),
        ("reference", 1, 12, 1, "a 0x1 target block never has more than min_keep 1"),
    ])
    func settingsThatNeverEndAreRefused(
        geometry: String, rows: Int, columns: Int, minKeep: Int, expected: String
    ) throws {
        var options = MultiBlockMasking()
        options.geometry = try #require(.init(rawValue: geometry))
        options.minKeep = minKeep
        let faults = options.faults(on: PatchGrid(rows: rows, columns: columns))
        #expect(faults.count == 1 && faults[0].contains(expected), "\(faults)")
    }

    @Test(arguments: [
        ("{\"target_scale\": [0.2, 0.1]}", "0 < min ≤ max ≤ 1"),
        ("{\"context_scale\": [0.5, 1.2]}", "0 < min ≤ max ≤ 1"),
        ("{\"target_aspect\": [0, 1]}", "0 < min ≤ max"), ("{\"targets\": 0}", "an integer from 1 to 256"),
    ])
    func rangesAreCheckedWhereTheyStand(text: String, expected: String) throws {
        var problems: [Problem] = []
        #expect(MultiBlockMasking.decode(try JSONParser.parse(text), at: "$.mask", &problems) == nil)
        #expect(problems.contains { $0.message.contains(expected) }, "\(problems)")
    }

    @Test func unequalLengthsAndDescendingCellsAreOurOwnMistakes() async {
        await #expect(processExitsWith: .failure) {
            _ = BlockMask(grid: PatchGrid(rows: 1, columns: 4), contexts: [[[0], [0, 1]]], targets: [[[2], [2]]])
        }
        await #expect(processExitsWith: .failure) {
            _ = BlockMask(grid: PatchGrid(rows: 1, columns: 4), contexts: [[[1, 0]]], targets: [[[2]]])
        }
    }

    @Test func statisticsCountContextsAndTargets() {
        // Context 0 1, targets {2 3} and {3 7} on 2 x 4.
        let grid = PatchGrid(rows: 2, columns: 4)
        var statistics = MaskStatistics(grid: grid)
        var mask = BlockMask(grid: grid, contexts: [[[0, 1]], [[0, 5]]], targets: [[[2, 3]], [[3, 7]]])
        mask.targetBlock = BlockSize(rows: 1, columns: 2)
        mask.fallbackCount = 1
        statistics.add(.blocks(mask))
        #expect(statistics.imageCount == 1 && statistics.maskCount == 2 && statistics.targetCount == 2)
        #expect(statistics.visibleTimes == [2, 1, 0, 0, 0, 1, 0, 0])
        #expect(statistics.targetTimes == [0, 0, 1, 1, 0, 0, 0, 1])
        #expect(statistics.targetBlockTimes == [0, 0, 1, 2, 0, 0, 0, 1])
        #expect(statistics.adjacentPairs == 1 && statistics.diagonalPairs == 1 && statistics.components == 3)
        #expect(statistics.targetBlocks == [BlockSize(rows: 1, columns: 2): 1] && statistics.contextBlocks.isEmpty)
        #expect(statistics.visibleCounts == 2...2)
        #expect(statistics.row["fallbacks"]?.int == 1)
        #expect(statistics.row["visible_share"]?.array?.first?.array?.compactMap(\.double) == [1, 0.5, 0, 0])
    }
}
