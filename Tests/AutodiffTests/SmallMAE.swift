import Autodiff
import RandomStreams

/// A masked autoencoder of one block and half a decoder block, with everything a step touches: what the tests of the whole walk run.
struct SmallMAE {
    var parameters = ParameterStore()
    let batch = 9
    let width = 48
    let heads = 3
    private let images: Tensor
    private let visible: RowIndices
    private let restore: RowIndices
    private let mask: Tensor

    init() {
        let random = RandomStream(seed: 11)
        let patches = 36
        let kept = 10
        var orders: [[Int32]] = []
        for picture in 0..<batch {
            var stream = random.child("order").child(picture)
            orders.append(stream.permutation(patches).map(Int32.init))
        }
        images = sampleTensor([batch, 3, 24, 24], stream: "images")
        visible = RowIndices(orders.map { Array($0[..<kept]) })
        let ranks = orders.map { order in
            var rank = Array(repeating: Int32(0), count: patches)
            for (place, patch) in order.enumerated() { rank[Int(patch)] = Int32(place) }
            return rank
        }
        restore = RowIndices(ranks)
        mask = Tensor(ranks.flatMap { $0.map { $0 < Int32(kept) ? 0 : 1 } }, [batch, patches])

        func add(_ name: String, _ shape: Shape, around centre: Float = 0) {
            let values = Initializers.normal(
                count: shape.elementCount, standardDeviation: 0.15, random: random.child(name))
            _ = parameters.add(name, shape, values.map { $0 + centre })
        }
        add("patch.weight", [width, 3, 4, 4])
        add("patch.bias", [width])
        add("cls_token", [1, 1, width])
        add("norm1.weight", [width], around: 1)
        add("norm1.bias", [width])
        add("qkv.weight", [3 * width, width])
        add("qkv.bias", [3 * width])
        add("proj.weight", [width, width])
        add("proj.bias", [width])
        add("scale", [width], around: 1)
        add("norm2.weight", [width], around: 1)
        add("norm2.bias", [width])
        add("fc1.weight", [4 * width, width])
        add("fc1.bias", [4 * width])
        add("fc2.weight", [width, 4 * width])
        add("fc2.bias", [width])
        add("mask_token", [1, 1, width])
        add("position", [patches + 1, width])
        add("decoder.qkv.weight", [3 * width, width])
        add("decoder.qkv.bias", [3 * width])
        add("decoder.proj.weight", [width, width])
        add("decoder.proj.bias", [width])
        add("head.weight", [48, width])
        add("head.bias", [48])
        add("unused", [5])
    }

    private func linear(
        _ x: Variable, _ name: String, then epilogue: Epilogue = .none, on tape: inout Tape
    ) -> Variable {
        let weight = parameter("\(name).weight", on: &tape)
        let bias = parameter("\(name).bias", on: &tape)
        return tape.linear(x, weight: weight, bias: bias, then: epilogue)
    }

    private func parameter(_ name: String, on tape: inout Tape) -> Variable {
        guard let id = parameters.id(named: name) else { fatalError("no parameter \(name)") }
        return tape.parameter(id, of: parameters)
    }

    private func norm(_ x: Variable, _ name: String, on tape: inout Tape) -> Variable {
        let weight = parameter("\(name).weight", on: &tape)
        let bias = parameter("\(name).bias", on: &tape)
        return tape.layerNorm(x, weight: weight, bias: bias)
    }

    /// Records a step and returns the loss.
    func loss(on tape: inout Tape) -> Variable {
        let size = PatchSize(4)
        let pictures = tape.constant(images)
        let target = tape.normalizedPixels(tape.patchify(pictures, patch: size, order: .channelsLast).value)
        var x = linear(tape.patchify(pictures, patch: size, order: .channelsFirst, of: visible), "patch", on: &tape)
        x = tape.prependRows(x, rows: parameter("cls_token", on: &tape).reshaped([1, width]))
        let attended = tape.attention(qkv: linear(norm(x, "norm1", on: &tape), "qkv", on: &tape), heads: heads)
        let branch = tape.layerScale(linear(attended, "proj", on: &tape), parameter("scale", on: &tape))
        let factors = Tensor((0..<batch).map { $0 % 3 == 0 ? 0 : 1.5 }, [batch])
        x = tape.add(x, tape.dropPath(branch, factors: factors))
        let hidden = linear(norm(x, "norm2", on: &tape), "fc1", then: .gelu, on: &tape)
        x = linear(hidden, "fc2", then: .residual(x), on: &tape)
        x = tape.restoreRows(
            x, fill: parameter("mask_token", on: &tape).reshaped([width]), restore: restore, prefix: 1,
            position: parameter("position", on: &tape))
        let seen = linear(x, "decoder.qkv", on: &tape)
        x = linear(tape.attention(qkv: seen, heads: 4), "decoder.proj", then: .residual(x), on: &tape)
        let prediction = tape.sliceRows(linear(x, "head", on: &tape), 1..<37)
        return tape.maskedMeanSquared(prediction, target: target, mask: mask).loss
    }

    /// Loss and gradients of one step.
    func step(on engine: Engine) -> (loss: Float, gradients: Gradients) {
        var tape = Tape(engine: engine)
        let loss = loss(on: &tape)
        let value = loss.value.item
        return (value, tape.gradients(of: loss, for: parameters))
    }
}
