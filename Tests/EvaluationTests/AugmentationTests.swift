import Autodiff
import Evaluation
import Foundation
import RandomStreams
import RecipeSchema
import Testing

struct AugmentationTests {
    private let picture: [Float] = (0..<3 * 12 * 16).map { Float($0 * 37 % 256) / 255 }

    private func augmented(_ values: [Float], channels: Int = 3, seed: Int) -> [Float] {
        var values = values
        RandAugment().apply(
            to: &values, channels: channels, height: 12, width: 16, mean: [0.5], deviation: [0.25],
            random: RandomStream(seed: 1).child(seed))
        return values
    }

    @Test func randAugmentChangesPicturesAsItsStreamSays() {
        let normalized = picture.map { ($0 - 0.5) / 0.25 }
        var changed = 0
        for seed in 0..<200 {
            let made = augmented(normalized, seed: seed)
            #expect(made == augmented(normalized, seed: seed))
            #expect(made.allSatisfy { $0 > -2.001 && $0 < 2.001 })
            if zip(made, normalized).contains(where: { abs($0 - $1) > 1e-3 }) { changed += 1 }
        }
        // Each of two operations is left out half of the time: a quarter of the pictures stays.
        #expect((130...170).contains(changed), "\(changed)")
    }

    @Test func measurementsAreMovedAlone() {
        // Numbers far outside of 0…1: no level of them may change, only its place; what comes in is the mean.
        let values = [Float](repeating: 800, count: 12 * 16)
        for seed in 0..<40 {
            #expect(augmented(values, channels: 1, seed: seed).allSatisfy { abs($0 - 800) < 0.1 })
        }
    }

    @Test func erasingTakesItsShare() {
        var (erased, shares) = (0, 0.0)
        for seed in 0..<400 {
            var values = [Float](repeating: 9, count: 32 * 24)
            RandomErasing().apply(
                to: &values, channels: 1, height: 32, width: 24, random: RandomStream(seed: 2).child(seed))
            let share = Double(values.count { $0 != 9 }) / Double(values.count)
            #expect(share < 0.4)
            if share > 0 {
                erased += 1
                shares += share
            }
        }
        #expect((75...125).contains(erased), "\(erased)")
        #expect((0.12...0.22).contains(shares / Double(erased)), "\(shares / Double(erased))")
        var all = RandomErasing()
        all.probability = 0
        var values = [Float](repeating: 9, count: 16)
        all.apply(to: &values, channels: 1, height: 4, width: 4, random: RandomStream(seed: 2))
        #expect(values.allSatisfy { $0 == 9 })
    }

    /// Targets sum to 1, and the weight of mixing has the mean ½ and the variance 1/(4(2α + 1)) of its distribution.
    @Test func mixingWeightsFollowTheBetaDistribution() {
        let images = Tensor([Float](repeating: 0, count: 16) + [Float](repeating: 1, count: 16), [2, 1, 4, 4])
        for alpha in [0.8, 1, 3] {
            var rule = Mixing.Rule()
            (rule.mixup, rule.cutmix, rule.smoothing) = (alpha, 0, 0)
            let weights = (0..<4000).map { draw -> Double in
                let mixed = rule.mixed(images, labels: [0, 1], classes: 2, random: RandomStream(seed: 3).child(draw))
                #expect(abs(mixed.targets.array.reduce(0, +) - 2) < 1e-5)
                #expect(abs(mixed.images.array[31] - mixed.targets.array[0]) < 1e-6)
                return Double(mixed.targets.array[0])
            }
            let mean = weights.reduce(0, +) / 4000
            let variance = weights.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / 4000
            #expect(abs(mean - 0.5) < 0.02, "\(alpha): \(mean)")
            #expect(abs(variance * 4 * (2 * alpha + 1) - 1) < 0.1, "\(alpha): \(variance)")
        }
    }

    @Test func nothingIsMixedWhereNothingIsAskedFor() {
        var rule = Mixing.Rule()
        (rule.mixup, rule.cutmix) = (0, 0)
        let images = Tensor([1, 2, 3, 4], [2, 1, 1, 2])
        let mixed = rule.mixed(images, labels: [0, 1], classes: 2, random: RandomStream(seed: 1))
        #expect(mixed.images.array == images.array)
        #expect(abs(mixed.targets.array[0] - 0.95) < 1e-6 && abs(mixed.targets.array[1] - 0.05) < 1e-6)
    }
}

struct FineTuneAnswerTests {
    private func score(_ accuracy: Double, spread: Double) -> ProbeScore {
        var score = ProbeScore(name: "p", accuracy: accuracy, chosen: .object([]), train: 10, test: 400)
        score.spread = spread
        return score
    }

    @Test func bothKindsOfDoubtCount() {
        let low = [score(0.5, spread: 0.001)]
        #expect(
            FineTuneAnswer([score(0.7, spread: 0.001)], low, shares: [0.1]).sentence.contains("Yes: it helps with 10 %")
        )
        #expect(FineTuneAnswer([score(0.7, spread: 0.2)], low, shares: [0.1]).sentence.contains("Not shown"))
        #expect(
            FineTuneAnswer(low, [score(0.7, spread: 0.001)], shares: [1]).sentence.contains("No: it harms with 100 %"))
        let mixed = FineTuneAnswer(
            [score(0.9, spread: 0), score(0.5, spread: 0)], [score(0.5, spread: 0), score(0.5, spread: 0)],
            shares: [0.1, 1])
        #expect(
            mixed.sentence.contains("In part: it helps with 10 %")
                && mixed.sentence.contains("nothing is shown with 100 %"))
    }
}
