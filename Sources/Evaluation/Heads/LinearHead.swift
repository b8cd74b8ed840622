public import Autodiff
public import Optimizers
public import RandomStreams
public import TrainingStep
import VisionTransformers

/// A linear classifier on pooled features, behind a batch norm with scale and shift where one is asked for: a head of
/// `dinov2-linear` and of `ijepa-linear`.
public struct LinearHead: ParameterOwner, Sendable {
    /// `linear.weight` `[classes, D]`, `linear.bias`, and `bn.weight`, `bn.bias` of a batch norm.
    public var parameters = ParameterStore()
    /// What the batch norm keeps; nil without one.
    public private(set) var statistics: RunningStatistics?
    private let norm: (weight: ParameterID, bias: ParameterID)?
    private let linear: LinearParameters

    /// A head with normal weights of deviation 0.01 and no bias yet.
    public init(features: Int, classes: Int, batchNorm: Bool, random: RandomStream) {
        linear = LinearParameters("linear", features, classes, weight: .normal(deviation: 0.01), &parameters, random)
        guard batchNorm else {
            norm = nil
            return
        }
        statistics = RunningStatistics(width: features)
        norm = (
            parameters.add("bn.weight", [features], [Float](repeating: 1, count: features)),
            parameters.add("bn.bias", [features], [Float](repeating: 0, count: features))
        )
    }

    /// The linear layer is decayed with its bias, the batch norm is not (VISSL's configurations for I-JEPA).
    public static func treatment(of parameter: ParameterEntry) -> ParameterTreatment {
        parameter.name.hasPrefix("linear.") ? .decayed : .undecayed
    }

    /// Scores `[B, classes]` of features `[B, D]` in training.
    public mutating func training(_ features: Tensor, on tape: inout Tape) -> Variable {
        let x = tape.constant(features)
        let affine = norm.map { (tape.parameter($0.weight, of: parameters), tape.parameter($0.bias, of: parameters)) }
        let normed = statistics?.training(x, weight: affine?.0, bias: affine?.1, on: &tape)
        return linear(normed ?? x, parameters, &tape)
    }

    /// Scores `[B, classes]` of features `[B, D]` in evaluation.
    public func logits(_ features: Tensor, engine: Engine) -> Tensor {
        var tape = Tape(engine: engine, recording: false)
        let x = tape.constant(features)
        let affine = norm.map { (tape.parameter($0.weight, of: parameters), tape.parameter($0.bias, of: parameters)) }
        let normed = statistics?.evaluation(x, weight: affine?.0, bias: affine?.1, on: &tape)
        return linear(normed ?? x, parameters, &tape).value
    }
}
