import Foundation
import Pretraining
import ProcessGroups
import Testing

/// What processes of one training tell one another; `Tests/Processes/run.sh` has real ones.
@Suite struct ProcessTests {
    @Test func processesThatDoNotDivideTheMicroBatchesAreRefused() throws {
        func refusal(_ count: Int, _ accumulate: Int) -> String? {
            TrainingJob.refusal(processes: count, accumulate: accumulate)
        }
        #expect(refusal(1, 1) == nil && refusal(3, 12) == nil && refusal(12, 12) == nil)
        let five = try #require(refusal(5, 12))
        #expect(five.contains("start 4 or 6 of them") && five.contains("train.accumulate to 10 or 15"))
        let two = try #require(refusal(2, 1))
        #expect(two.contains("start 1 of them") && two.contains("train.accumulate to 2"))
    }

    @Test func theFirstTensorThatDiffersIsNamed() {
        let held = [["a", "1"], ["b", "2"], ["c", "3"]]
        var other = held
        #expect(TrainingJob.firstDifference([held, other]) == nil)
        other[1][1] = "7"
        other[2][1] = "7"
        let found = TrainingJob.firstDifference([held, held, other])
        #expect(found?.rank == 2 && found?.tensor == "b")
    }

    @Test func slicesAreTheWholeOnceWhateverTheirNumber() {
        for (length, count) in [(0, 3), (1, 2), (1024, 2), (5000, 4), (1 << 20, 7)] {
            let ranges = Slices(length, for: count, block: 1024).ranges
            #expect(ranges.count == count && ranges[0].lowerBound == 0 && ranges[count - 1].upperBound == length)
            #expect(zip(ranges, ranges.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
        }
    }

    @Test func aloneNothingIsWaitedFor() throws {
        let group = ProcessGroup.alone
        #expect(group.gather([1.5, .infinity]) == [[1.5, .infinity]] && group.isFirst && group.speaks)
        #expect(try group.together { 7 } == 7)
        #expect(throws: CocoaError.self) { try group.together { throw CocoaError(.featureUnsupported) } }
    }

    /// What `gather` sends holds numbers to the bit, those that are not finite too.
    @Test func notesOfMicroBatchesSurviveTheWay() throws {
        var note = MicroBatchNote()
        note.constantLoss = 0.1 + 0.2
        note.indicators = [.init(name: "rank", value: -.infinity), .init(name: "nan", value: .nan)]
        let coder = PropertyListEncoder()
        coder.outputFormat = .binary
        let read = try PropertyListDecoder().decode([MicroBatchNote].self, from: coder.encode([note]))[0]
        #expect(read.constantLoss?.bitPattern == note.constantLoss?.bitPattern)
        #expect(read.indicators[0].value == -.infinity && read.indicators[1].value.isNaN)
    }
}
