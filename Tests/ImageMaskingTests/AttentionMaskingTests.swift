import ImageMasking
import RandomStreams
import Testing

/// Masks drawn in proportion to importance.
struct AttentionMaskingTests {
    static let grid = PatchGrid(rows: 2, columns: 3)

    @Test func givenDrawsOrderPatchesByImportanceOverDraw() {
        var strategy = AttentionMasking()
        strategy.ratio = 0.5
        // Quotients: 1, 4, 0, 4, 3, 0.
        let mask = strategy.mask(
            on: Self.grid, importance: [2, 2, 0, 1, 6, 0], exponentials: [2, 0.5, 0.1, 0.25, 2, 0])
        #expect(Array(mask.visible(0)) == [1, 3, 4])
        #expect(Array(mask.hidden(0)) == [0, 2, 5])
    }

    @Test func moreImportantPatchesAreSeenMoreOftenAndThoseOfNoImportanceLast() throws {
        var strategy = AttentionMasking()
        strategy.ratio = 0.8
        let images = 6000
        let weights: [Float] = [1, 2, 0, 4, 8, 1]
        let request = MaskRequest(
            grid: Self.grid, samples: Array(0..<images),
            importance: Array(repeatElement(weights, count: images).joined()))
        guard case .patches(let mask) = try strategy.plan(request, random: RandomStream(seed: 8)) else { return }
        #expect(mask.visibleCount == 1)
        var counts = [Double](repeating: 0, count: 6)
        for image in 0..<images { for patch in mask.visible(image) { counts[Int(patch)] += 1 } }
        for (count, weight) in zip(counts, weights) {
            let share = Double(weight) / 16
            #expect(abs(count / Double(images) - share) <= 5 * (share * (1 - share) / Double(images)).squareRoot())
        }
    }

    @Test func withoutImportanceThereAreNoMasks() {
        let request = MaskRequest(grid: Self.grid, samples: [1])
        let thrown = #expect(throws: MaskingError.self) {
            try AttentionMasking().plan(request, random: RandomStream(seed: 0))
        }
        #expect(thrown == .lacksImportance(strategy: "attention"))
    }

    @Test func nothingNeedBeHidden() throws {
        var strategy = AttentionMasking()
        strategy.ratio = 0
        #expect(strategy.faults(on: Self.grid).isEmpty)
        let request = MaskRequest(grid: Self.grid, samples: [1], importance: [1, 2, 3, 4, 5, 6])
        guard case .patches(let mask) = try strategy.plan(request, random: RandomStream(seed: 0)) else { return }
        #expect(mask.visible(0).sorted() == Array(0..<6))
    }
}
