import Evaluation
import RandomStreams
import Testing

@Suite struct HeldOutTenthTests {
    @Test func everyClassGivesATenthAndTheRestStays() {
        let labels = (0..<1000).map { $0 < 700 ? 0 : $0 < 950 ? 1 : 2 }
        let split = HeldOutTenth(labels: labels, random: RandomStream(seed: 3))
        #expect((0..<3).map { c in split.validation.count { labels[$0] == c } } == [70, 25, 5])
        #expect((split.training + split.validation).sorted() == [Int](0..<1000))
        #expect(split.training == split.training.sorted())
        #expect(split.validation == split.validation.sorted())
    }

    @Test func smallClassesKeepOneOnEachSideWhereTheyHaveTwo() {
        let labels = [0, 1, 1, 2, 2, 2, 7]
        let split = HeldOutTenth(labels: labels, random: RandomStream(seed: 3))
        #expect([0, 1, 2, 7].map { c in split.validation.count { labels[$0] == c } } == [0, 1, 1, 0])
        #expect([0, 1, 2, 7].map { c in split.training.count { labels[$0] == c } } == [1, 1, 2, 1])
    }

    @Test func theSplitFollowsTheStreamAndNothingElse() {
        let labels = (0..<200).map { $0 % 4 }
        let first = HeldOutTenth(labels: labels, random: RandomStream(seed: 3))
        #expect(first == HeldOutTenth(labels: labels, random: RandomStream(seed: 3)))
        #expect(first != HeldOutTenth(labels: labels, random: RandomStream(seed: 4)))
        // A class more leaves the draws of the others as they were.
        let more = HeldOutTenth(labels: labels + [4, 4, 4], random: RandomStream(seed: 3))
        #expect(more.validation.filter { $0 < 200 } == first.validation)
    }
}
