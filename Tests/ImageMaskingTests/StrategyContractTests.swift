import ImageMasking
import RecipeSchema
import Testing

/// What every strategy of the catalogue promises, over grids and batches.
struct StrategyContractTests {
    static let grids = [
        PatchGrid(rows: 1, columns: 9), PatchGrid(rows: 7, columns: 5), PatchGrid(rows: 14, columns: 14),
    ]
    /// The catalogue with defaults, and the options of strategies that change how they draw.
    static let strategies: [any MaskingStrategy] =
        maskingStrategies.filter { $0.kind == .patches }.map { $0.init() }
        + NoiseColor.allCases.map { color in
            var strategy = ColorNoiseMasking()
            strategy.color = color
            strategy.tile = 20
            return strategy
        }
    static let bank: ColorNoiseMasking = {
        var strategy = ColorNoiseMasking()
        strategy.form = .bank
        strategy.bank = 3
        strategy.tile = 20
        return strategy
    }()
    static let random = RandomStream(seed: 9).child("mask")

    private func mask(
        _ strategy: any MaskingStrategy, _ grid: PatchGrid, _ samples: [Int], epoch: Int = 2, step: Int = 5
    ) throws -> PatchMask {
        let request = MaskRequest(grid: grid, samples: samples, epoch: epoch, step: step)
        guard case .patches(let mask) = try strategy.plan(request, random: Self.random) else {
            throw MaskingError.unsuited(strategy: type(of: strategy).name, grid: grid, reason: "it hides no patches")
        }
        return mask
    }

    @Test(arguments: strategies + [bank], grids)
    func ordersArePermutationsAndCountsFollowTheRatio(strategy: any MaskingStrategy, grid: PatchGrid) throws {
        for samples in [[4], [7, 0, 7, 123_456], Array(0..<11)] {
            let mask = try mask(strategy, grid, samples)
            #expect(mask.imageCount == samples.count)
            #expect(mask.visibleCount == grid.visibleCount(ratio: 0.75))
            for image in samples.indices {
                let order = Array(mask.visible(image)) + Array(mask.hidden(image))
                #expect(order.sorted() == Array(0..<Int32(grid.count)))
                for (place, patch) in order.enumerated() {
                    #expect(mask.restore[image * grid.count + Int(patch)] == Int32(place))
                    #expect(mask.isHidden(Int(patch), in: image) == (place >= mask.visibleCount))
                }
            }
        }
    }

    @Test(arguments: strategies, grids)
    func anImageHasTheSameMaskAloneAndInABatch(strategy: any MaskingStrategy, grid: PatchGrid) throws {
        let batch = try mask(strategy, grid, [3, 8, 5])
        let alone = try mask(strategy, grid, [8], step: 77)
        #expect(Array(batch.visible(1)) == Array(alone.visible(0)))
        #expect(Array(batch.hidden(1)) == Array(alone.hidden(0)))
    }

    @Test(arguments: strategies + [bank])
    func masksRepeatForTheSameRequestAndChangeWithTheEpochOrStep(strategy: any MaskingStrategy) throws {
        let grid = PatchGrid(rows: 7, columns: 5)
        let first = try mask(strategy, grid, Array(0..<8))
        #expect(try mask(strategy, grid, Array(0..<8)) == first)
        #expect(try mask(strategy, grid, Array(0..<8), epoch: 3, step: 6) != first)
    }

    @Test(arguments: maskingStrategies.filter { $0.kind == .patches }.map { $0.init() })
    func ratiosThatLeaveOneSideEmptyAreRefusedWithTheReason(strategy: any MaskingStrategy) throws {
        let grid = PatchGrid(rows: 1, columns: 1)
        #expect(strategy.faults(on: grid) == ["ratio 0.75 leaves none of 1 patches visible; lower it"])
        #expect(throws: MaskingError.self) { try mask(strategy, grid, [0]) }
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
