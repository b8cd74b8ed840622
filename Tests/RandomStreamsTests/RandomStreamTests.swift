import Foundation
import RandomStreams
import Testing

struct RandomStreamTests {
    @Test(arguments: [
        (UInt64(0), UInt64(0), UInt64(0), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8] as [UInt32]),
        (.max, .max, .max, [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
        (
            0x85a3_08d3_243f_6a88, 0x0370_7344_1319_8a2e, 0x299f_31d0_a409_3822,
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        ),
    ])
    func blocksEqualThePublishedVectors(low: UInt64, high: UInt64, key: UInt64, expected: [UInt32]) {
        let words = Philox(counter: low, high, key: key).words
        #expect([words.0, words.1, words.2, words.3] == expected)
    }

    @Test func childrenDifferAndDoNotAdvanceTheParent() {
        var parent = RandomStream(seed: 5)
        var untouched = RandomStream(seed: 5)
        var first = Set<UInt64>()
        for name in ["mask", "augment", "order", ""] {
            var child = parent.child(name)
            first.insert(child.next())
        }
        for number in [0, 1, -1, 1 << 40] {
            var child = parent.child(number)
            first.insert(child.next())
        }
        #expect(first.count == 8)
        #expect(parent.next() == untouched.next())
    }

    @Test func aPathGivesTheSameNumbersEveryTime() {
        var a = RandomStream(seed: 11).child("mask").child(3).child(41)
        var b = RandomStream(seed: 11).child("mask").child(3).child(41)
        #expect((0..<100).map { _ in a.next() } == (0..<100).map { _ in b.next() })
        // Pinned: a change here changes every run that anybody ever recorded.
        var pinned = RandomStream(seed: 1).child("pinned")
        let values = (0..<2).map { _ in pinned.next() }
        #expect(values == [PinnedValues.first, PinnedValues.second])
    }

    @Test func permutationHoldsEachNumberOnce() {
        var stream = RandomStream(seed: 2)
        #expect(stream.permutation(257).sorted() == Array(0..<257))
        #expect(stream.permutation(0) == [])
        #expect(stream.permutation(1) == [0])
    }

    @Test func smallIntegersAreUniform() {
        var stream = RandomStream(seed: 3)
        var counts = [Int](repeating: 0, count: 7)
        for _ in 0..<70_000 { counts[stream.integer(below: 7)] += 1 }
        // Five standard deviations of a count (92.6).
        for count in counts { #expect(abs(count - 10_000) < 463) }
    }

    @Test func momentsOfTheDistributions() {
        var stream = RandomStream(seed: 4)
        let n = 200_000
        var sums = (uniform: 0.0, normal: 0.0, square: 0.0, fourth: 0.0)
        for _ in 0..<n {
            let u = stream.uniform()
            #expect(u >= 0 && u < 1)
            sums.uniform += Double(u)
            let z = stream.normal()
            sums.normal += z
            sums.square += z * z
            sums.fourth += z * z * z * z
        }
        let root = Double(n).squareRoot()
        #expect(abs(sums.uniform / Double(n) - 0.5) < 5 * 0.2887 / root)
        #expect(abs(sums.normal / Double(n)) < 5 / root)
        #expect(abs(sums.square / Double(n) - 1) < 5 * 1.4142 / root)
        #expect(abs(sums.fourth / Double(n) - 3) < 5 * 9.8 / root)
    }

    @Test(arguments: [1e-300, 1e-20, 1e-9, 0.01, 0.074, 0.076, 0.3, 0.5, 0.7, 0.99, 1 - 1e-9])
    func quantileInvertsTheDistribution(p: Double) {
        let z = inverseNormal(p)
        let back = 0.5 * erfc(-z / 2.0.squareRoot())
        #expect(abs(back - p) <= 1e-12 * p + 1e-16)
    }

    @Test func elementaryFunctionsAgreeWithTheLibrary() {
        var x = 1e-12
        while x < 1e12 {
            #expect(abs(naturalLogarithm(x) - log(x)) <= 4e-16 * max(1, abs(log(x))))
            x *= 1.37
        }
        for i in -200...200 {
            let x = Double(i) * 0.173
            #expect(abs(exponential(x) / exp(x) - 1) < 1e-15)
            #expect(abs(cosine(turns: x) - cos(2 * .pi * (x - x.rounded()))) < 1e-15)
        }
        #expect(cosine(turns: 0.25) == 0 && cosine(turns: 0.5) == -1 && cosine(turns: 1) == 1)
    }
}

private enum PinnedValues {
    static let first: UInt64 = 0x349e1bbc3b6377cf
    static let second: UInt64 = 0x2a7cef6f5703492c
}
