import Foundation

/// Runs an ONNX file in the plainest way, in double precision: the definitions of its operators, written from the standard.
struct ONNXRunner {
    struct Value {
        var shape: [Int]
        var numbers: [Double]

        var strides: [Int] {
            var strides = [Int](repeating: 1, count: shape.count)
            for axis in stride(from: shape.count - 2, through: 0, by: -1) {
                strides[axis] = strides[axis + 1] * shape[axis + 1]
            }
            return strides
        }
    }

    struct Fault: Error { var reason: String }

    let version: Int
    let opset: Int
    let outputNames: [String]
    private let nodes: [ReadMessage]
    private let constants: [String: Value]

    init(_ bytes: [UInt8]) throws {
        let model = try ReadMessage(bytes[...])
        version = model.integers(1).first ?? 0
        opset = try model.messages(8).first?.integers(2).first ?? 0
        guard let graph = try model.messages(7).first else { throw Fault(reason: "no graph") }
        nodes = try graph.messages(1)
        outputNames = try graph.messages(12).map { $0.text(1) }
        var constants: [String: Value] = [:]
        for tensor in try graph.messages(5) {
            let raw = Array(tensor.bytes(9).first ?? [])
            let numbers = raw.withUnsafeBytes { raw -> [Double] in
                tensor.integers(2) == [7]
                    ? (0..<raw.count / 8).map { Double(raw.loadUnaligned(fromByteOffset: 8 * $0, as: Int64.self)) }
                    : (0..<raw.count / 4).map { Double(raw.loadUnaligned(fromByteOffset: 4 * $0, as: Float.self)) }
            }
            let shape = tensor.integers(1)
            guard numbers.count == shape.reduce(1, *) else { throw Fault(reason: "\(tensor.text(8)): \(shape)") }
            constants[tensor.text(8)] = Value(shape: shape, numbers: numbers)
        }
        self.constants = constants
    }

    /// The outputs, by name.
    func run(_ inputs: [String: Value]) throws -> [String: Value] {
        var values = constants.merging(inputs) { $1 }
        for node in nodes {
            let given = try node.texts(1).map { name -> Value in
                guard let value = values[name] else {
                    throw Fault(reason: "\(node.text(4)) wants \(name), not made yet")
                }
                return value
            }
            for (name, value) in zip(node.texts(2), try Self.result(node, given)) { values[name] = value }
        }
        return try Dictionary(
            uniqueKeysWithValues: outputNames.map { name in
                guard let value = values[name] else { throw Fault(reason: "no output \(name)") }
                return (name, value)
            })
    }

    private static func result(_ node: ReadMessage, _ x: [Value]) throws -> [Value] {
        var attributes: [String: ReadMessage] = [:]
        for attribute in try node.messages(5) { attributes[attribute.text(1)] = attribute }
        func int(_ name: String, _ standard: Int = 0) -> Int { attributes[name]?.integers(3).first ?? standard }
        func ints(_ name: String) -> [Int] { attributes[name]?.integers(8) ?? [] }
        switch node.text(4) {
        case "Add": return [combined(x[0], x[1], +)]
        case "Mul": return [combined(x[0], x[1], *)]
        case "Erf": return [mapped(x[0]) { erf($0) }]
        case "Sigmoid": return [mapped(x[0]) { 1 / (1 + exp(-$0)) }]
        case "MatMul": return [product(x[0], x[1])]
        case "Softmax":
            return [
                rows(x[0]) { row in
                    let top = row.max() ?? 0
                    let all = row.map { exp($0 - top) }
                    let sum = all.reduce(0, +)
                    return all.map { $0 / sum }
                }
            ]
        case "LayerNormalization":
            let epsilon = Double(attributes["epsilon"]?.float(2) ?? 1e-5)
            return [
                rows(x[0]) { row in
                    let mean = row.reduce(0, +) / Double(row.count)
                    let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(row.count)
                    return row.indices.map {
                        (row[$0] - mean) / (variance + epsilon).squareRoot() * x[1].numbers[$0] + x[2].numbers[$0]
                    }
                }
            ]
        case "Reshape":
            var shape = x[1].numbers.map { Int($0) }
            for axis in shape.indices where shape[axis] == 0 { shape[axis] = x[0].shape[axis] }
            if let free = shape.firstIndex(of: -1) {
                shape[free] =
                    x[0].numbers.count / shape.enumerated().reduce(1) { $1.offset == free ? $0 : $0 * $1.element }
            }
            guard shape.reduce(1, *) == x[0].numbers.count else {
                throw Fault(reason: "Reshape \(x[0].shape) to \(shape)")
            }
            return [Value(shape: shape, numbers: x[0].numbers)]
        case "Transpose": return [transposed(x[0], ints("perm"))]
        case "Shape":
            let range = int("start")..<int("end", x[0].shape.count)
            return [Value(shape: [range.count], numbers: x[0].shape[range].map { Double($0) })]
        case "Concat": return [try joined(x, axis: int("axis"))]
        case "Expand":
            let zeros = Value(
                shape: x[1].numbers.map { Int($0) },
                numbers: [Double](repeating: 0, count: x[1].numbers.reduce(1) { $0 * Int($1) }))
            return [combined(zeros, x[0]) { $1 }]
        case "Slice":
            guard x[3].numbers.count == 1 else { throw Fault(reason: "Slice over several axes") }
            return [sliced(x[0], axis: Int(x[3].numbers[0]), Int(x[1].numbers[0])..<Int(x[2].numbers[0]))]
        case "Split":
            var start = 0
            let axis = int("axis") < 0 ? int("axis") + x[0].shape.count : int("axis")
            return x[1].numbers.map { size in
                defer { start += Int(size) }
                return sliced(x[0], axis: axis, start..<start + Int(size))
            }
        case "ReduceMean":
            guard ints("axes") == [1], int("keepdims", 1) == 0 else { throw Fault(reason: "ReduceMean") }
            let (batch, count, width) = (x[0].shape[0], x[0].shape[1], x[0].shape[2])
            let numbers = (0..<batch * width).map { place in
                (0..<count).reduce(0) { $0 + x[0].numbers[(place / width * count + $1) * width + place % width] }
                    / Double(count)
            }
            return [Value(shape: [batch, width], numbers: numbers)]
        case "Conv": return [try convolved(x, side: ints("kernel_shape")[0], strides: ints("strides"))]
        case let type: throw Fault(reason: "no operator \(type) here")
        }
    }

    private static func mapped(_ x: Value, _ body: (Double) -> Double) -> Value {
        Value(shape: x.shape, numbers: x.numbers.map(body))
    }

    private static func rows(_ x: Value, _ body: ([Double]) -> [Double]) -> Value {
        let width = x.shape.last ?? 1
        return Value(
            shape: x.shape,
            numbers: stride(from: 0, to: x.numbers.count, by: width).flatMap { body(Array(x.numbers[$0..<$0 + width])) }
        )
    }

    /// Element by element, shapes aligned at their ends, sides of 1 repeated.
    private static func combined(_ a: Value, _ b: Value, _ body: (Double, Double) -> Double) -> Value {
        let rank = max(a.shape.count, b.shape.count)
        func padded(_ value: Value) -> (shape: [Int], strides: [Int]) {
            let shape = [Int](repeating: 1, count: rank - value.shape.count) + value.shape
            let strides = Value(shape: shape, numbers: []).strides
            return (shape, zip(shape, strides).map { $0 == 1 ? 0 : $1 })
        }
        let (left, right) = (padded(a), padded(b))
        let shape = zip(left.shape, right.shape).map { max($0, $1) }
        let strides = Value(shape: shape, numbers: []).strides
        let numbers = (0..<shape.reduce(1, *)).map { place -> Double in
            var (i, j) = (0, 0)
            for axis in 0..<rank {
                let index = place / strides[axis] % shape[axis]
                i += index * left.strides[axis]
                j += index * right.strides[axis]
            }
            return body(a.numbers[i], b.numbers[j])
        }
        return Value(shape: shape, numbers: numbers)
    }

    private static func product(_ a: Value, _ b: Value) -> Value {
        let (n, k, m) = (a.shape[a.shape.count - 2], a.shape[a.shape.count - 1], b.shape[b.shape.count - 1])
        let batches = a.numbers.count / (n * k)
        let isShared = b.shape.count == 2
        var numbers = [Double](repeating: 0, count: batches * n * m)
        for batch in 0..<batches {
            for row in 0..<n {
                for inner in 0..<k {
                    let value = a.numbers[(batch * n + row) * k + inner]
                    let start = ((isShared ? 0 : batch * k) + inner) * m
                    for column in 0..<m { numbers[(batch * n + row) * m + column] += value * b.numbers[start + column] }
                }
            }
        }
        return Value(shape: Array(a.shape.dropLast()) + [m], numbers: numbers)
    }

    private static func transposed(_ x: Value, _ order: [Int]) -> Value {
        let shape = order.map { x.shape[$0] }
        let (old, new) = (x.strides, Value(shape: shape, numbers: []).strides)
        let numbers = x.numbers.indices.map { place in
            x.numbers[order.indices.reduce(0) { $0 + place / new[$1] % shape[$1] * old[order[$1]] }]
        }
        return Value(shape: shape, numbers: numbers)
    }

    private static func sliced(_ x: Value, axis: Int, _ range: Range<Int>) -> Value {
        let inner = x.strides[axis]
        let outer = x.numbers.count / (inner * x.shape[axis])
        var shape = x.shape
        shape[axis] = range.count
        let numbers = (0..<outer).flatMap { part -> ArraySlice<Double> in
            let start = part * inner * x.shape[axis]
            return x.numbers[start + range.lowerBound * inner..<start + range.upperBound * inner]
        }
        return Value(shape: shape, numbers: numbers)
    }

    private static func joined(_ parts: [Value], axis: Int) throws -> Value {
        guard let first = parts.first else { throw Fault(reason: "Concat of nothing") }
        let inner = first.strides[axis]
        let outer = first.shape[..<axis].reduce(1, *)
        var shape = first.shape
        shape[axis] = parts.reduce(0) { $0 + $1.shape[axis] }
        let numbers = (0..<outer).flatMap { part in
            parts.flatMap { value -> ArraySlice<Double> in
                let count = inner * value.shape[axis]
                return value.numbers[part * count..<(part + 1) * count]
            }
        }
        return Value(shape: shape, numbers: numbers)
    }

    private static func convolved(_ x: [Value], side: Int, strides: [Int]) throws -> Value {
        guard strides == [side, side] else { throw Fault(reason: "Conv with other strides than its kernel") }
        let (images, weight) = (x[0], x[1])
        let (batch, channels, height, width) = (images.shape[0], images.shape[1], images.shape[2], images.shape[3])
        let (outputs, rows, columns) = (weight.shape[0], height / side, width / side)
        var numbers: [Double] = []
        for image in 0..<batch {
            for output in 0..<outputs {
                for cell in 0..<rows * columns {
                    var sum = x.count > 2 ? x[2].numbers[output] : 0
                    for channel in 0..<channels {
                        for pixel in 0..<side * side {
                            let row = cell / columns * side + pixel / side
                            let column = cell % columns * side + pixel % side
                            sum +=
                                images.numbers[((image * channels + channel) * height + row) * width + column]
                                * weight.numbers[(output * channels + channel) * side * side + pixel]
                        }
                    }
                    numbers.append(sum)
                }
            }
        }
        return Value(shape: [batch, outputs, rows, columns], numbers: numbers)
    }
}
