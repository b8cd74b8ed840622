public import Autodiff
public import TrainingStep

/// A slow copy of trained parameters: after each step it moves a little towards them.
///
/// Its parameters keep the trained ones' numbers and names, so that the same encoder or head runs on either; checkpoints hold
/// them under names with a prefix.
public struct MovingAverage: Sendable {
    /// The averaged parameters, under the names of the trained ones.
    public private(set) var parameters: ParameterStore
    /// What stands in front of names in checkpoints, in the place of `replaced`.
    private let prefix: String
    private let replaced: String

    /// A copy of all parameters that a store has so far; what is added to the store later is not averaged.
    ///
    /// `prefix` stands in front of their names in checkpoints, such as `target_`, in the place of `replaced` where they begin with it.
    public init(of trained: ParameterStore, prefix: String, replacing replaced: String = "") {
        parameters = trained
        self.prefix = prefix
        self.replaced = replaced
    }

    private func name(_ id: ParameterID) -> String {
        let own = parameters.entry(id).name
        return prefix + (own.hasPrefix(replaced) ? String(own.dropFirst(replaced.count)) : own)
    }

    /// average ← momentum · average + (1 − momentum) · trained.
    public mutating func update(from trained: ParameterStore, momentum: Double, on engine: Engine) {
        parameters.blend(Float(1 - momentum), of: trained, on: engine)
    }

    /// Becomes an exact copy again.
    public mutating func restart(from trained: ParameterStore) {
        for id in parameters.ids { parameters.setValue(trained[id], for: id) }
    }

    /// The averaged parameters by the names that checkpoints use; setting takes those that are there.
    public var state: [String: Tensor] {
        get {
            Dictionary(
                uniqueKeysWithValues: parameters.ids.map { (name($0), parameters[$0]) })
        }
        set {
            for id in parameters.ids {
                if let value = newValue[name(id)] { parameters.setValue(value, for: id) }
            }
        }
    }
}

extension TrainingProgress {
    /// A momentum that goes evenly from one value to another over the stretched run, for the step just taken:
    /// m_i = m_0 + i·(m_1 − m_0)/(steps · scale) (I-JEPA's code).
    public func momentum(from first: Double, to last: Double) -> Double {
        first + Double(step) * (last - first) / (Double(stepsPerEpoch * epochs) * scheduleScale)
    }
}
