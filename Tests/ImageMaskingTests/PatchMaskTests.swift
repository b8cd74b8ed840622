import ImageMasking
import Testing

struct PatchMaskTests {
    let grid = PatchGrid(rows: 2, columns: 3)

    @Test func tiesGoToTheLowerPatchInBothDirections() {
        let scores: [Float] = [0.5, 0.25, 0.5, 0, -0.0, 0.25]
        let low = PatchMask(grid: grid, scores: scores, keepingHighest: false, visibleCount: 3)
        #expect(low.order == [3, 4, 1, 5, 0, 2])
        let high = PatchMask(grid: grid, scores: scores, keepingHighest: true, visibleCount: 3)
        #expect(high.order == [0, 2, 1, 5, 3, 4])
    }

    @Test func negativeScoresKeepTheirOrder() {
        let scores: [Float] = [-1, -3, -2, -0.5, -4, -1e-30]
        let mask = PatchMask(grid: grid, scores: scores, keepingHighest: true, visibleCount: 2)
        #expect(mask.order == [5, 3, 0, 2, 1, 4])
    }

    @Test func aMaskCanBeGivenAsData() {
        let mask = PatchMask(
            grid: grid, hidden: [[true, false, true, true, false, true], [false, true, true, true, true, false]])
        #expect(mask.visibleCount == 2)
        #expect(Array(mask.visible(0)) == [1, 4] && Array(mask.visible(1)) == [0, 5])
        #expect(mask.isHidden(0, in: 0) && !mask.isHidden(0, in: 1))
    }

    @Test func unequalCountsAndRepeatedPatchesAreOurOwnMistakes() async {
        await #expect(processExitsWith: .failure) {
            _ = PatchMask(grid: PatchGrid(rows: 1, columns: 2), hidden: [[true, false], [true, true]])
        }
        await #expect(processExitsWith: .failure) {
            _ = PatchMask(grid: PatchGrid(rows: 1, columns: 2), orders: [[0, 0]], visibleCount: 1)
        }
    }

    @Test(arguments: [(20, 0.9, 1), (35, 0.8, 6), (196, 0.75, 49), (64, 0.75, 16), (1, 0.5, 0)])
    func keepCountsFollowDoubleArithmetic(patches: Int, ratio: Double, expected: Int) {
        #expect(PatchGrid(rows: 1, columns: patches).visibleCount(ratio: ratio) == expected)
    }

    @Test func statisticsCountPairsAndComponents() {
        // X X .
        // . X .     one component of 3, adjacent pairs 2, diagonal pairs 1
        let grid = PatchGrid(rows: 3, columns: 3)
        let hidden = [[false, false, true, true, false, true, true, true, true]]
        var statistics = MaskStatistics(grid: grid)
        statistics.add(PatchMask(grid: grid, hidden: hidden))
        statistics.add(
            PatchMask(grid: grid, hidden: [[false, true, true, true, true, true, false, true, false]]))
        #expect(statistics.maskCount == 2)
        #expect(statistics.adjacentPairs == 2 && statistics.diagonalPairs == 1)
        #expect(statistics.components == 1 + 3 && statistics.largestComponent == 3 + 1)
        #expect(statistics.visibleTimes == [2, 1, 0, 0, 1, 0, 1, 0, 1])
    }
}
