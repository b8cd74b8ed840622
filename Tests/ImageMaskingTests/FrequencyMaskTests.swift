import ImageMasking
import RecipeSchema
import Testing

struct FrequencyMaskTests {
    private func plan(
        _ strategy: FrequencyMasking, _ samples: [Int], epoch: Int = 1, seed: UInt64 = 4
    ) throws -> FrequencyMask {
        let request = MaskRequest(grid: PatchGrid(rows: 2, columns: 3), samples: samples, epoch: epoch, step: 9)
        let plan = try strategy.plan(request, random: RandomStream(seed: seed).child("mask"))
        guard case .frequencies(let mask) = plan else {
            throw MaskingError.unsuited(strategy: "frequency", grid: request.grid, reason: "another plan")
        }
        return mask
    }

    @Test func aDiscOfThePublishedSizeKeepsThePublishedCount() {
        let keeps = FrequencyMask.lowPassKeeps(height: 224, width: 224, radius: 16, outerRadius: 999)
        #expect(keeps.count { $0 } == 793)
    }

    @Test(arguments: [(8, 8), (9, 9), (7, 12), (1, 3), (24, 31)])
    func theMaskIsTheSameForAFrequencyAndItsNegative(height: Int, width: Int) {
        for (radius, outer) in [(0, 3), (2, 999), (3, 5)] {
            let keeps = FrequencyMask.lowPassKeeps(height: height, width: width, radius: radius, outerRadius: outer)
            for y in 0..<height {
                for x in 0..<width {
                    let (v, u) = (y - height / 2, x - width / 2)
                    // −v as a place, modulo the length: the lowest frequency of an even length is its own negative.
                    let row = (-v + height / 2 + height) % height
                    let column = (-u + width / 2 + width) % width
                    #expect(keeps[y * width + x] == keeps[row * width + column])
                    let distance = v * v + u * u
                    #expect(keeps[y * width + x] == !(radius * radius <= distance && distance < outer * outer))
                }
            }
        }
    }

    @Test func highPassKeepsWhatLowPassRemoves() {
        let mask = FrequencyMask(radius: 2, outerRadius: 4, lowPass: [true, false])
        let keeps = mask.keeps(height: 9, width: 6)
        #expect(zip(keeps.prefix(54), keeps.suffix(54)).allSatisfy { $0 != $1 })
        #expect(keeps[4 * 6 + 3] && !keeps[54 + 4 * 6 + 3])
    }

    @Test func anImageIsFilteredTheSameAloneAndInABatch() throws {
        let strategy = FrequencyMasking()
        let samples = Array(0..<64)
        let batch = try plan(strategy, samples)
        #expect(try samples.map { try plan(strategy, [$0]).lowPass[0] } == batch.lowPass)
        #expect(try plan(strategy, samples, epoch: 2).lowPass != batch.lowPass)
        #expect(try plan(strategy, samples, seed: 5).lowPass != batch.lowPass)
    }

    @Test(arguments: [0, 0.3, 1])
    func theShareIsThatOfTheOption(share: Double) throws {
        var strategy = FrequencyMasking()
        strategy.lowPassShare = share
        let count = try plan(strategy, Array(0..<4000)).lowPass.count { $0 }
        #expect(abs(Double(count) - 4000 * share) <= 5 * (4000 * share * (1 - share)).squareRoot())
    }

    @Test func aRingWithoutWidthIsAFault() {
        var strategy = FrequencyMasking()
        strategy.radius = 16
        strategy.radius2 = 16
        #expect(strategy.check() == ["radius2 16 must be above radius 16"])
    }

    @Test func noMaskingHidesNothing() throws {
        let request = MaskRequest(grid: PatchGrid(rows: 2, columns: 3), samples: [1, 2])
        #expect(try NoMasking().plan(request, random: RandomStream(seed: 1)) == .nothing)
    }
}
