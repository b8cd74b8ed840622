import Autodiff
import Foundation
import Testing

/// Shapes that do not fit stop the program, and the message shows both.
@Suite struct MisuseTests {
    private func message(_ result: ExitTest.Result?) -> String {
        String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    }

    @Test func linearNamesBothShapes() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            var tape = Tape(engine: try Engine(threads: 1))
            let x = tape.constant(Tensor(zeros: [2, 3]))
            _ = tape.linear(x, weight: tape.constant(Tensor(zeros: [5, 4])))
        }
        #expect(message(result).contains("linear: input of shape [2, 3], weight of shape [5, 4]"))
    }

    @Test func additionNamesBothShapes() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            var tape = Tape(engine: try Engine(threads: 1))
            _ = tape.add(tape.constant(Tensor(zeros: [2, 3])), tape.constant(Tensor(zeros: [2])))
        }
        #expect(message(result).contains("add: shapes [2, 3] and [2]"))
    }

    @Test func gatherRefusesRowsThatAreNotThere() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            var tape = Tape(engine: try Engine(threads: 1))
            _ = tape.gatherRows(tape.constant(Tensor(zeros: [1, 3, 2])), RowIndices([[0, 3]]))
        }
        #expect(message(result).contains("row index 3 outside 0..<3"))
    }

    @Test func moreMemoryThanAllowedEndsAsTheMakerOfTheEngineSays() async {
        let result = await #expect(processExitsWith: .exitCode(64), observing: [\.standardErrorContent]) {
            let engine = try Engine(threads: 1, memoryLimit: 64 << 20) { shortage in
                FileHandle.standardError.write(Data(shortage.description.utf8))
                exit(64)
            }
            var tape = Tape(engine: engine)
            let x = tape.constant(Tensor(zeros: [1 << 20]))
            var kept = [x]
            for _ in 0..<40 { kept.append(tape.add(x, x)) }
        }
        #expect(
            message(result).contains("needs 4 MiB more beside the 64 MiB that it holds, and may take 64 MiB in all"))
    }

    @Test func headsDivideTheWidth() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            var tape = Tape(engine: try Engine(threads: 1))
            _ = tape.attention(qkv: tape.constant(Tensor(zeros: [1, 2, 12])), heads: 3)
        }
        #expect(message(result).contains("attention: 3 heads on a width of 4"))
    }

    @Test func aLossIsANumber() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            var store = ParameterStore()
            let id = store.add("a", [2], [1, 2])
            var tape = Tape(engine: try Engine(threads: 1))
            let loss = tape.parameter(id, of: store)
            _ = tape.gradients(of: loss, for: store)
        }
        #expect(message(result).contains("gradients of a tensor of shape [2] need a cotangent"))
    }

    @Test func oneTapeOneStore() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            var store = ParameterStore()
            let id = store.add("a", [2], [1, 2])
            var other = ParameterStore()
            let otherID = other.add("b", [2], [1, 2])
            var tape = Tape(engine: try Engine(threads: 1))
            _ = tape.parameter(id, of: store)
            _ = tape.parameter(otherID, of: other)
        }
        #expect(message(result).contains("parameters of two different stores on one tape"))
    }
}
