import Autodiff
import Testing

@Suite struct TensorTests {
    @Test func holdsItsNumbersInRowMajorOrder() {
        let tensor = Tensor([1, 2, 3, 4, 5, 6], [2, 3])
        #expect(tensor.array == [1, 2, 3, 4, 5, 6])
        #expect(tensor.entries(1..<2).array == [4, 5, 6])
        #expect(tensor.entries(1..<2).shape == [1, 3])
        #expect(tensor.view(1..<5, as: [2, 2]).array == [2, 3, 4, 5])
        #expect(tensor.reshaped([3, 2]).entries(2..<3).array == [5, 6])
        #expect(Tensor(filled: 7, []).item == 7)
        #expect(Tensor(zeros: [0, 3]).array == [])
    }

    @Test func aWriteDoesNotReachCopiesOrViews() {
        var tensor = Tensor([1, 2, 3, 4], [4])
        let copy = tensor
        let view = tensor.view(1..<3, as: [2])
        tensor.withUnsafeMutableBuffer { $0[1] = 9 }
        #expect(tensor.array == [1, 9, 3, 4])
        #expect(copy.array == [1, 2, 3, 4])
        #expect(view.array == [2, 3])
    }

    @Test func aWriteThroughAViewLeavesTheWholeAlone() {
        let tensor = Tensor([1, 2, 3, 4], [4])
        var view = tensor.view(1..<3, as: [2])
        view.withUnsafeMutableBuffer { $0[0] = 9 }
        #expect(view.array == [9, 3])
        #expect(tensor.array == [1, 2, 3, 4])
    }

    @Test func theSoleHolderWritesInPlace() {
        var tensor = Tensor(zeros: [1 << 19])
        let before = tensor.withUnsafeBuffer { $0.baseAddress }
        tensor.withUnsafeMutableBuffer { $0[0] = 1 }
        #expect(tensor.withUnsafeBuffer { $0.baseAddress } == before)
        let copy = tensor
        tensor.withUnsafeMutableBuffer { $0[0] = 2 }
        #expect(tensor.withUnsafeBuffer { $0.baseAddress } != before)
        #expect(copy.array[0] == 1)
    }

    @Test(arguments: [1, 15, 1 << 18, 1 << 19]) func buffersAreAligned(count: Int) {
        let tensor = Tensor(zeros: [count])
        let address = tensor.withUnsafeBuffer { UInt(bitPattern: $0.baseAddress) }
        #expect(address % (count * 4 >= 1 << 20 ? 2 << 20 : 64) == 0)
    }
}

@Suite struct RowIndicesTests {
    @Test func rowsStayTogether() {
        let indices = RowIndices([[3, 1], [0, 2], [5, 4]])
        #expect(indices.batch == 3 && indices.count == 2)
        #expect(Array(indices[1]) == [0, 2])
        #expect(indices == RowIndices([3, 1, 0, 2, 5, 4], batch: 3, count: 2))
    }
}
