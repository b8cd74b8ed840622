import Autodiff

/// An ONNX graph being written node by node: opset 17, `ir_version` 8.
///
/// Field numbers are those of `onnx.proto` (ONNX 1.23).
struct GraphWriter {
    private var nodes: [[UInt8]] = []
    private var initializers: [[UInt8]] = []
    private var inputs: [[UInt8]] = []
    private var outputs: [[UInt8]] = []
    private var known: Set<String> = []
    private var count = 0

    /// An attribute of a node.
    enum Attribute {
        case int(Int)
        case ints([Int])
        case float(Float)
    }

    /// A side of a value: a number, or a name for what may differ from call to call.
    enum Side {
        case size(Int)
        case named(String)
    }

    /// Adds a node; returns its output, or the outputs' names where there are several.
    mutating func node(
        _ type: String, _ inputs: [String], outputs wanted: Int = 1, named name: String? = nil,
        with attributes: [(String, Attribute)] = []
    ) -> [String] {
        count += 1
        let made = (0..<wanted).map { wanted == 1 ? name ?? "\(type)_\(count)" : "\(type)_\(count)_\($0)" }
        var node = ProtobufMessage()
        for input in inputs { node.add(1, input) }
        for output in made { node.add(2, output) }
        node.add(3, "\(type)_\(count)")
        node.add(4, type)
        for (name, attribute) in attributes {
            node.add(5) { message in
                message.add(1, name)
                switch attribute {
                case .int(let value):
                    message.add(3, value)
                    message.add(20, 2)
                case .ints(let values):
                    for value in values { message.add(8, value) }
                    message.add(20, 7)
                case .float(let value):
                    message.add(2, value)
                    message.add(20, 1)
                }
            }
        }
        nodes.append(node.bytes)
        return made
    }

    /// Adds a node with one output.
    mutating func value(
        _ type: String, _ inputs: String..., named name: String? = nil, with attributes: [(String, Attribute)] = []
    ) -> String {
        node(type, inputs, named: name, with: attributes)[0]
    }

    /// A constant of floats.
    mutating func constant(_ name: String, _ values: [Float], _ shape: [Int]) -> String {
        add(name, type: 1, shape, values.withUnsafeBytes { Array($0) })
    }

    /// A constant of integers, a list.
    mutating func constant(_ values: [Int]) -> String {
        let name = "ints_" + values.map { $0 < 0 ? "m\(-$0)" : "\($0)" }.joined(separator: "_")
        return add(name, type: 7, [values.count], values.map { Int64($0) }.withUnsafeBytes { Array($0) })
    }

    /// A constant that is one number.
    mutating func constant(_ name: String, _ value: Float) -> String { constant(name, [value], []) }

    private mutating func add(_ name: String, type: Int, _ shape: [Int], _ bytes: [UInt8]) -> String {
        guard known.insert(name).inserted else { return name }
        var tensor = ProtobufMessage()
        for side in shape { tensor.add(1, side) }
        tensor.add(2, type)
        tensor.add(8, name)
        tensor.add(9, bytes)
        initializers.append(tensor.bytes)
        return name
    }

    /// States an input of floats.
    mutating func input(_ name: String, _ shape: [Side]) { inputs.append(Self.information(name, shape)) }

    /// States an output of floats.
    mutating func output(_ name: String, _ shape: [Side]) { outputs.append(Self.information(name, shape)) }

    private static func information(_ name: String, _ shape: [Side]) -> [UInt8] {
        var information = ProtobufMessage()
        information.add(1, name)
        information.add(2) { type in
            type.add(1) { tensor in
                tensor.add(1, 1)
                tensor.add(2) { sides in
                    for side in shape {
                        sides.add(1) { message in
                            switch side {
                            case .size(let value): message.add(1, value)
                            case .named(let name): message.add(2, name)
                            }
                        }
                    }
                }
            }
        }
        return information.bytes
    }

    /// The whole model.
    func model(named name: String, producer: String) -> [UInt8] {
        var model = ProtobufMessage()
        model.add(1, 8)
        model.add(2, producer)
        model.add(7) { graph in
            for node in nodes { graph.add(1, node) }
            graph.add(2, name)
            for tensor in initializers { graph.add(5, tensor) }
            for value in inputs { graph.add(11, value) }
            for value in outputs { graph.add(12, value) }
        }
        model.add(8) { opset in
            opset.add(1, "")
            opset.add(2, 17)
        }
        return model.bytes
    }
}
