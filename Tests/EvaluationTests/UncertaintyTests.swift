import Evaluation
import RandomStreams
import Testing

@Suite struct UncertaintyTests {
    /// Values of R's `prop.test` without continuity correction and of `binom.test`.
    @Test func wilsonHasTheValuesOfTheLiterature() {
        let tenth = Uncertainty.wilson(hits: 1, trials: 10)
        #expect(abs(tenth.low - 0.017876) < 1e-6)
        #expect(abs(tenth.high - 0.404150) < 1e-6)
        let none = Uncertainty.wilson(hits: 0, trials: 20)
        #expect(none.low == 0)
        #expect(abs(none.high - 0.161125) < 1e-6)
        let all = Uncertainty.wilson(hits: 20, trials: 20)
        #expect(all.high == 1)
        #expect(abs(all.low - 0.838875) < 1e-6)
    }

    @Test func quantilesAreLinearBetweenNeighbours() {
        #expect(Uncertainty.quantile([4, 1, 3, 2], 0) == 1)
        #expect(Uncertainty.quantile([4, 1, 3, 2], 0.5) == 2.5)
        #expect(Uncertainty.quantile([4, 1, 3, 2], 1) == 4)
        #expect(Uncertainty.quantile([7], 0.3) == 7)
    }

    /// 97.5 % quantiles of Student's t, from tables.
    @Test(arguments: [(2, 12.7062), (3, 4.30265), (5, 2.77645), (31, 2.04227)])
    func intervalsOfRunsUseStudentsT(_ runs: Int, _ quantile: Double) {
        let values = (0..<runs).map { Double($0 % 2) }
        let spread = Uncertainty.runs(values)
        #expect(abs(spread.halfWidth / (spread.deviation / Double(runs).squareRoot()) / quantile - 1) < 2e-6)
    }

    @Test func mcNemarCountsDisagreementsOnly() {
        let a = [true, true, true, false, false, true, true, true, true]
        let b = [true, true, false, true, true, false, false, false, false]
        let result = Uncertainty.mcNemar(a, b)
        #expect(result.onlyB == 2)
        #expect(result.onlyA == 5)
        #expect(abs(result.p - 0.453125) < 1e-12)  // 2·(1 + 7 + 21)/128
        #expect(Uncertainty.mcNemar(a, a).p == 1)
    }

    @Test func pairedDifferencesAreNarrowerThanUnpairedOnes() {
        var stream = RandomStream(seed: 5)
        let a = (0..<2000).map { _ in stream.uniformDouble() < 0.7 }
        // b is right wherever a is, and in one more of ten.
        let b = a.map { $0 || stream.uniformDouble() < 0.1 }
        let interval = Uncertainty.pairedDifference(a, b, random: RandomStream(seed: 1))
        #expect(interval.low > 0)
        #expect(interval.high - interval.low < 0.02)
        let same = Uncertainty.pairedDifference(a, a, random: RandomStream(seed: 1))
        #expect(same.low == 0 && same.high == 0)
    }
}
