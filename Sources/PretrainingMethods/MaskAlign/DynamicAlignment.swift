import Autodiff
import RandomStreams
import VisionTransformers

/// The student's blocks mixed for each block of the teacher that counts: F_t = Σ_s W[t, s] · h_s.
///
/// `distill_weights` W `[T, S]` starts as the identity plus 0.01 everywhere, or as 1/S; `simple` mixes nothing.
struct DynamicAlignment: Sendable {
    static let name = "distill_weights"
    private let weights: ParameterID?

    init(_ fusion: AlignmentFusion, teacherBlocks: Int, studentBlocks: Int, adding store: inout ParameterStore) {
        func add(_ value: (Int, Int) -> Float) -> ParameterID {
            let values = (0..<teacherBlocks).flatMap { t in (0..<studentBlocks).map { value(t, $0) } }
            return store.add(Self.name, [teacherBlocks, studentBlocks], values)
        }
        switch fusion {
        case .linear: weights = add { $0 == $1 ? 1.01 : 0.01 }
        case .sum: weights = add { _, _ in 1 / Float(studentBlocks) }
        case .simple: weights = nil
        }
    }

    /// The mixed tokens, `[B, N, D]` each, for the teacher's blocks `wanted`, in their order.
    func callAsFunction(
        _ layers: [Variable], for wanted: [Int], _ store: ParameterStore, on tape: inout Tape
    ) -> [Variable] {
        guard let weights else { return wanted.map { layers[$0] } }
        let rows = RowIndices([wanted.map { Int32($0) }])
        let chosen = tape.gatherRows(tape.parameter(weights, of: store), rows).reshaped([wanted.count, layers.count])
        return tape.mixtures(of: layers, by: chosen)
    }
}

/// A small network behind the mixed tokens of one block, below `distill_heads.t`; named as PyTorch names a list of layers.
struct DistillHead: Sendable {
    private enum Layer: Sendable {
        case linear(LinearParameters)
        case activated(LinearParameters)
        case norm(NormParameters)
    }
    private let layers: [Layer]

    init(
        _ kind: AlignmentHead, block: Int, width: Int, outputs: Int, adding store: inout ParameterStore,
        random: RandomStream
    ) {
        let name = "distill_heads.\(block)"
        func linear(_ name: String, _ outputs: Int, _ store: inout ParameterStore) -> LinearParameters {
            LinearParameters(name, width, outputs, &store, random)
        }
        switch kind {
        case .linear: layers = [.linear(linear(name, outputs, &store))]
        case .normLinear:
            let norm = NormParameters("\(name).0", width, &store)
            layers = [.norm(norm), .linear(linear("\(name).1", outputs, &store))]
        case .mlp:
            let hidden = linear("\(name).0", width, &store)
            layers = [.activated(hidden), .linear(linear("\(name).2", outputs, &store))]
        case .mlp2:
            let hidden = linear("\(name).0", width, &store)
            let norm = NormParameters("\(name).1", width, &store)
            layers = [.linear(hidden), .norm(norm), .linear(linear("\(name).2", outputs, &store))]
        }
    }

    /// `[B, N, D]` → `[B, N, teacher's width]`.
    func callAsFunction(_ tokens: Variable, _ store: ParameterStore, on tape: inout Tape) -> Variable {
        var x = tokens
        for layer in layers {
            switch layer {
            case .linear(let linear): x = linear(x, store, &tape)
            case .activated(let linear): x = linear(x, store, then: .gelu, &tape)
            case .norm(let norm): x = norm(x, store, &tape)
            }
        }
        return x
    }
}
