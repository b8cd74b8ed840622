import Autodiff
import Testing

@Suite struct ShapeTests {
    @Test func countsElementsRowsAndColumns() {
        let shape: Shape = [2, 3, 4]
        #expect(shape.elementCount == 24)
        #expect(shape.rows == 6)
        #expect(shape.columns == 4)
        #expect(Array(shape) == [2, 3, 4])
        #expect("\(shape)" == "[2, 3, 4]")
    }

    @Test func theEmptyShapeIsANumber() {
        let shape: Shape = []
        #expect(shape.elementCount == 1)
        #expect(shape.rows == 1)
        #expect(shape.columns == 1)
        #expect(shape != [1])
    }

    @Test func rowsSurviveAnEmptyLastAxis() {
        #expect(([3, 0] as Shape).rows == 3)
        #expect(([3, 0] as Shape).elementCount == 0)
    }
}
