import Autodiff
import RandomStreams
import VisionTransformers

/// A linear layer from tokens to the pixels of their patches, in the order channel, row, column (PixelShuffle), with PyTorch's own
/// initial values: `name.weight` `[C·p·p, W, 1, 1]`, because the published heads are convolutions of one pixel, and `name.bias`.
struct PixelProjection: Sendable {
    private let weight: ParameterID
    private let bias: ParameterID

    init(_ name: String, width: Int, outputs: Int, adding store: inout ParameterStore, random: RandomStream) {
        func values(_ part: String, _ count: Int) -> [Float] {
            InitialLaw.inputUniform.values(count, inputs: width, outputs: outputs, random.child("\(name).\(part)"))
        }
        weight = store.add("\(name).weight", [outputs, width, 1, 1], values("weight", outputs * width))
        bias = store.add("\(name).bias", [outputs], values("bias", outputs))
    }

    /// The pixels of tokens `[…, W]`, `[…, C·p·p]`.
    func callAsFunction(_ tokens: Variable, _ store: ParameterStore, on tape: inout Tape) -> Variable {
        tape.linear(tokens, weight: tape.parameter(weight, of: store), bias: tape.parameter(bias, of: store))
    }
}
