import Autodiff
import Testing

@Suite struct GradientTests {
    static let levels = KernelLevel.allCases.filter { level in
        (try? Engine(threads: 1, level: level))?.level == level
    }

    @Test(arguments: gradientTable)
    func resultsAndGradientsAreTheTwins(_ row: GradientCase) throws {
        let reference = row.reference()
        for level in Self.levels {
            let engine = try Engine(threads: 2, level: level, poisonsBuffers: true)
            for route in Route.allCases {
                let found = row.run(on: engine, route)
                #expect(Array(found.result.shape) == reference.result.shape)
                let error = worstError(found.result.array, reference.result.values)
                #expect(error < row.tolerance, "result, \(level), \(route): \(error)")
                for (index, gradient) in found.gradients.enumerated() {
                    var expected = reference.gradients[index]
                    switch route {
                    case .parameters, .intermediates: break
                    case .addingToParameters, .busyIntermediates:
                        expected = zip(expected, row.earlier(index)).map { $0 + Double($1) }
                    }
                    let error = worstError(gradient, expected)
                    #expect(error < row.tolerance, "gradient of input \(index), \(level), \(route): \(error)")
                }
            }
        }
    }

    @Test(arguments: gradientTable)
    func anInputLearnsTheSameAlone(_ row: GradientCase) throws {
        let engine = try Engine(threads: 2, poisonsBuffers: true)
        let all = row.run(on: engine, .parameters)
        for index in row.inputs.indices {
            let alone = row.run(on: engine, .parameters, trained: [index])
            #expect(alone.result.array == all.result.array)
            for other in row.inputs.indices {
                let expected = other == index ? all.gradients[other] : all.gradients[other].map { _ in 0 }
                #expect(alone.gradients[other] == expected, "input \(other) with only \(index) trained")
            }
        }
    }

    @Test(arguments: gradientTable)
    func evaluationComputesTheSameAndRecordsNothing(_ row: GradientCase) throws {
        let engine = try Engine(threads: 2, poisonsBuffers: true)
        var tape = Tape(engine: engine, recording: false)
        let inputs = row.inputs.indices.map { tape.constant(Tensor(row.values($0), Shape(row.inputs[$0].shape))) }
        let result = row.tape(&tape, inputs)
        #expect(!result.needsGradient)
        #expect(tape.primitives.isEmpty)
        #expect(result.value.array == row.run(on: engine, .parameters).result.array)
    }

    @Test func everyPrimitiveIsInTheTable() {
        let tested = Set(gradientTable.map(\.primitive))
        #expect(Set(Primitive.allCases).subtracting(tested) == [])
    }
}
