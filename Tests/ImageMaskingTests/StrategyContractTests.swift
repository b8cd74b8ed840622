import ImageMasking
import RecipeSchema
import Testing

/// What every strategy of the catalogue promises, over grids and batches.
struct StrategyContractTests {
    static let grids = [
        PatchGrid(rows: 1, columns: 9), PatchGrid(rows: 7, columns: 5), PatchGrid(rows: 14, columns: 14),
    ]
    /// The strategies of the catalogue that hide cells, with defaults, and options of strategies that change how they draw.
    static let catalogue: [any MaskingStrategy] =
        maskingStrategies.filter { [.patches, .blocks].contains($0.kind) }.map { $0.init() }
        + NoiseColor.allCases.map { color in
            var strategy = ColorNoiseMasking()
            strategy.color = color
            strategy.tile = 20
            return strategy
        } + multiBlocks
    /// Multi-block strategies that suit small grids too.
    static let multiBlocks: [MultiBlockMasking] = MultiBlockMasking.Geometry.allCases.map { geometry in
        var strategy = MultiBlockMasking()
        strategy.geometry = geometry
        strategy.minKeep = 3
        strategy.contexts = 2
        return strategy
    }
    static let bank: ColorNoiseMasking = {
        var strategy = ColorNoiseMasking()
        strategy.form = .bank
        strategy.bank = 3
        strategy.tile = 20
        return strategy
    }()
    /// Strategies whose masks of an image do not depend on the batch: all but the bank and multi-block.
    static let perImage = catalogue.filter { type(of: $0).kind != .blocks }
    static let random = RandomStream(seed: 9).child("mask")

    private func plan(
        _ strategy: any MaskingStrategy, _ grid: PatchGrid, _ samples: [Int], epoch: Int = 2, step: Int = 5
    ) throws -> MaskPlan {
        var request = MaskRequest(grid: grid, samples: samples, epoch: epoch, step: step)
        if type(of: strategy).needsImportance {
            request.importance = samples.flatMap { sample in
                (0..<grid.count).map { Float((5 * sample + 7 * $0) % 11) }
            }
        }
        return try strategy.plan(request, random: Self.random)
    }

    /// Visible and hidden cells of each image; of its first context, where there are contexts.
    private func sides(_ plan: MaskPlan, _ image: Int) -> (visible: [Int32], hidden: [Int32]) {
        switch plan {
        case .patches(let mask): (Array(mask.visible(image)), Array(mask.hidden(image)))
        case .blocks(let mask):
            (
                mask.contexts[0][image],
                (0..<Int32(mask.grid.count)).filter { !mask.contexts[0][image].contains($0) }
            )
        case .frequencies, .nothing: ([], [])
        }
    }

    @Test(arguments: catalogue + [bank], grids)
    func plansAreWholeOnEveryGridThatSuits(strategy: any MaskingStrategy, grid: PatchGrid) throws {
        guard strategy.faults(on: grid).isEmpty else {
            // Only flat grids do not suit blocks; the others suit every strategy here, but for the widest default.
            #expect(grid.rows == 1 || (strategy as? MultiBlockMasking)?.minKeep == 10)
            return
        }
        for samples in [[4], [7, 0, 7, 123_456], Array(0..<11)] {
            let plan = try plan(strategy, grid, samples)
            #expect(plan.kind == type(of: strategy).kind)
            for image in samples.indices {
                let (visible, hidden) = sides(plan, image)
                #expect((visible + hidden).sorted() == Array(0..<Int32(grid.count)))
                #expect(!visible.isEmpty && !hidden.isEmpty)
            }
            guard case .patches(let mask) = plan else { continue }
            #expect(mask.imageCount == samples.count)
            // What says no share by which hidden patches are ordered counts otherwise.
            if let ratio = strategy.hiddenShare(on: grid) {
                #expect(mask.visibleCount == grid.visibleCount(ratio: ratio))
            }
            for image in samples.indices {
                let order = Array(mask.visible(image)) + Array(mask.hidden(image))
                for (place, patch) in order.enumerated() {
                    #expect(mask.restore[image * grid.count + Int(patch)] == Int32(place))
                    #expect(mask.isHidden(Int(patch), in: image) == (place >= mask.visibleCount))
                }
            }
        }
    }

    @Test(arguments: perImage, grids)
    func anImageHasTheSameMaskAloneAndInABatch(strategy: any MaskingStrategy, grid: PatchGrid) throws {
        guard strategy.faults(on: grid).isEmpty else { return }
        let batch = sides(try plan(strategy, grid, [3, 8, 5]), 1)
        let alone = sides(try plan(strategy, grid, [8], step: 77), 0)
        #expect(batch == alone)
    }

    @Test(arguments: catalogue.filter { ($0 as? MultiBlockMasking)?.minKeep != 10 } + [bank])
    func masksRepeatForTheSameRequestAndChangeWithTheEpochOrStep(strategy: any MaskingStrategy) throws {
        let grid = PatchGrid(rows: 7, columns: 5)
        let first = try plan(strategy, grid, Array(0..<8))
        #expect(try plan(strategy, grid, Array(0..<8)) == first)
        #expect(try plan(strategy, grid, Array(0..<8), epoch: 3, step: 6) != first)
    }

    @Test(arguments: maskingStrategies.filter { [.patches, .blocks].contains($0.kind) }.map { $0.init() })
    func aGridOfOnePatchIsRefusedWithTheReason(strategy: any MaskingStrategy) throws {
        let grid = PatchGrid(rows: 1, columns: 1)
        let reason = try #require(strategy.faults(on: grid).first)
        if strategy is RandomMasking || strategy is ColorNoiseMasking {
            #expect(reason == "ratio 0.75 leaves none of 1 patches visible; lower it")
        }
        let thrown = #expect(throws: MaskingError.self) { try plan(strategy, grid, [0]) }
        #expect(thrown == .unsuited(strategy: type(of: strategy).name, grid: grid, reason: reason))
    }

    @Test(arguments: maskingStrategies)
    func everyOptionHasARow(type: any MaskingStrategy.Type) {
        func fieldCount<S: MaskingStrategy>(_: S.Type) -> Int { S.fields.count }
        #expect(Mirror(reflecting: type.init()).children.count == fieldCount(type))
    }

    @Test func namesAreUnique() {
        #expect(Set(maskingStrategies.map { $0.name }).count == maskingStrategies.count)
    }
}
