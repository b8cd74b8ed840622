import ImageMasking
import RandomStreams
import Testing

/// One visible rectangle on grids of any shape.
struct InverseBlockTests {
    private static let random = RandomStream(seed: 9).child("mask")
    private static let grids = (1...6).flatMap { rows in
        (1...8).map { PatchGrid(rows: rows, columns: $0) }
    }

    private func mask(_ strategy: InverseBlockMasking, _ grid: PatchGrid) throws -> PatchMask {
        let request = MaskRequest(grid: grid, samples: Array(0..<12))
        guard case .patches(let mask) = try strategy.plan(request, random: Self.random) else {
            throw MaskingError.lacksImportance(strategy: "inverse_block")
        }
        return mask
    }

    /// Small and long grids too: where something is hidden and something visible. A share that comes to no patch is a fault for
    /// methods that predict a part, and they alone ask.
    @Test(arguments: grids, [0.05, 0.5, 1])
    func everyGridWithTwoSidesHasAMask(grid: PatchGrid, share: Double) throws {
        for (ratio, roll) in [(0.3, false), (0.5, true), (0.65, true), (0.9, false)] {
            var strategy = InverseBlockMasking()
            (strategy.ratio, strategy.predictShare, strategy.roll) = (ratio, share, roll)
            let hidden = Int(Double(grid.count) * ratio)
            let faults = strategy.faults(on: grid)
            guard hidden > 0 else {
                #expect(faults.count == 1 && faults[0].contains("hides none of \(grid.count) patches"))
                continue
            }
            #expect(faults.isEmpty, "\(grid), ratio \(ratio), predict_share \(share): \(faults)")
            guard faults.isEmpty else { continue }
            let mask = try mask(strategy, grid)
            #expect(mask.visibleCount == grid.count - hidden)
            let predicted = Int(Double(hidden) * share)
            #expect(mask.predictedCount == max(1, predicted))
            #expect((strategy.predictedFault(on: grid) == nil) == (predicted > 0))
            for image in 0..<mask.imageCount {
                let all = Array(mask.visible(image)) + Array(mask.hidden(image))
                #expect(all.sorted() == Array(0..<Int32(grid.count)))
            }
        }
    }

    /// Rounding is that of the published code.
    @Test func sharesOfAPatchOrMoreAreRoundedDown() {
        let counts = [8, 14, 16].map { InverseBlockMasking().predictedCount(on: PatchGrid(rows: $0, columns: $0)) }
        #expect(counts == [2, 6, 8])
    }
}
