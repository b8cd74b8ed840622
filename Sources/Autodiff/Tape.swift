/// Records one forward pass and walks it back once.
///
/// A tape is made for a step, handed down as `inout`, and consumed by `gradients(of:…)`: using it afterwards does not
/// compile, and nothing it held (activations, parameter values) outlives the call. Primitives are methods in the
/// extensions under `Primitives/`; those of other modules are recorded by `record(_:_:inputs:pullback:)`.
public struct Tape: ~Copyable {
    /// Threads, memory and kernels of this computation.
    public let engine: Engine
    /// Whether anything is kept for gradients.
    public let recording: Bool
    /// Whether `recomputed` keeps inputs alone.
    private let recomputes: Bool
    /// The number of the first record: the tape of a recomputed part goes on where its part stands in the whole.
    private let first: Int
    private var records: [Record] = []
    private var layout: [ParameterEntry]?

    /// Gets the gradient of a record's output and hands gradients on to the inputs.
    typealias Pullback = (_ gradient: Tensor, _ walk: inout BackwardWalk) -> Void

    struct Record {
        let primitive: String
        /// If there, the gradient that the pullback gets is multiplied by it, element by element.
        let factor: Tensor?
        let pullback: Pullback
    }

    /// Starts an empty tape; without `recording` every result is a constant and nothing is kept; with `recomputing` less is kept, of
    /// the parts that say `recomputed`.
    public init(engine: Engine, recording: Bool = true, recomputing: Bool = false) {
        self.init(engine: engine, recording: recording, recomputing: recomputing, first: 0)
    }

    private init(engine: Engine, recording: Bool, recomputing: Bool, first: Int) {
        self.engine = engine
        self.recording = recording
        self.first = first
        recomputes = recomputing
    }

    /// The names of what was recorded, in order: of a `Primitive`, or as `record(_:_:inputs:pullback:)` was told.
    public var primitives: [String] { records.map(\.primitive) }

    /// A value without gradient.
    public func constant(_ value: Tensor) -> Variable {
        Variable(value: value, slot: .none)
    }

    /// A parameter; its gradient is collected when the tape is recording. All parameters of one tape come from one
    /// store: read those of another (a teacher's, say) with `constant(store[id])`.
    public mutating func parameter(_ id: ParameterID, of store: ParameterStore) -> Variable {
        guard recording else { return constant(store[id]) }
        if let layout {
            require(layout == store.entries, "parameters of two different stores on one tape")
        } else {
            layout = store.entries
        }
        return Variable(value: store[id], slot: .parameter(id))
    }

    /// Appends an operation with one differentiable result.
    ///
    /// Called only when one of the inputs needs a gradient; otherwise the result is a `constant`.
    mutating func record(
        _ primitive: Primitive, _ output: Tensor, factor: Tensor? = nil, pullback: @escaping Pullback
    ) -> Variable {
        record(named: primitive.rawValue, output, factor: factor, pullback: pullback)
    }

    /// The same for an operation that is no `Primitive`.
    mutating func record(
        named primitive: String, _ output: Tensor, factor: Tensor?, pullback: @escaping Pullback
    ) -> Variable {
        let slot = Variable.Slot.intermediate(first + records.count)
        records.append(Record(primitive: primitive, factor: factor, pullback: pullback))
        return Variable(value: output, slot: slot)
    }

    /// Computes a part of the forward pass. On a tape that recomputes, nothing in it is kept: it is computed once more when the walk back
    /// comes to it, with the same bits in results and gradients (Chen et al., arXiv 1604.06174).
    ///
    /// `part` may be called twice and must do the same each time; what it computes without a gradient is computed twice, too.
    public mutating func recomputed(_ part: @escaping (inout Tape) -> Variable) -> Variable {
        guard recording, recomputes else { return part(&self) }
        let place = first + records.count
        // Recorded, too, so that the same kernels run as the second time.
        var tape = Tape(engine: engine, recording: true, recomputing: false, first: place)
        let output = part(&tape)
        guard output.needsGradient else { return output }
        return record(named: "recomputed", output.value, factor: nil) { gradient, walk in
            var tape = Tape(engine: walk.engine, recording: true, recomputing: false, first: place)
            let output = part(&tape)
            let records = tape.takeRecords()
            walk.expect(records, from: place)
            walk.add(gradient.reshaped(output.shape), to: output.slot)
            walk.back(through: records, from: place)
        }
    }

    private mutating func takeRecords() -> [Record] {
        var taken: [Record] = []
        swap(&taken, &records)
        return taken
    }

    /// Walks back from `loss` and adds the gradients of all parameters to `gradients`.
    ///
    /// - Parameters:
    ///   - loss: A single number, unless a cotangent is given.
    ///   - cotangent: What the gradients are of: Σ cotangent · loss; 1 where absent. With `1/n` in it, the gradients of
    ///     n batches are averaged.
    ///   - gradients: Laid out as the store the parameters came from.
    public consuming func gradients(
        of loss: Variable, cotangent: Tensor? = nil, adding gradients: inout Gradients
    ) {
        walk(from: loss, cotangent, &gradients, keeping: true)
    }

    /// Walks back from `loss` and overwrites `gradients`; parameters that do not act on `loss` get zeros.
    public consuming func gradients(
        of loss: Variable, cotangent: Tensor? = nil, replacing gradients: inout Gradients
    ) {
        walk(from: loss, cotangent, &gradients, keeping: false)
    }

    /// Walks back from `loss` and returns new gradients for the parameters of `store`.
    public consuming func gradients(
        of loss: Variable, cotangent: Tensor? = nil, for store: ParameterStore
    ) -> Gradients {
        var gradients = Gradients(for: store)
        walk(from: loss, cotangent, &gradients, keeping: false)
        return gradients
    }

    private consuming func walk(
        from loss: Variable, _ cotangent: Tensor?, _ gradients: inout Gradients, keeping: Bool
    ) {
        require(recording, "gradients of a tape that does not record")
        require(
            cotangent != nil || loss.value.count == 1, "gradients of a tensor of shape \(loss.shape) need a cotangent")
        require(
            layout.map { $0 == gradients.entries } ?? true, "the gradients belong to another store than the parameters")
        let seed = cotangent ?? engine.filled(1, loss.shape)
        require(
            seed.count == loss.value.count, "cotangent of shape \(seed.shape) for a loss of shape \(loss.shape)")

        var walk = BackwardWalk(engine: engine, gradients: gradients, keeping: keeping)
        // The walk is now the sole owner of the buffer and writes it in place.
        gradients = .none
        let records = takeRecords()
        walk.expect(records, from: 0)
        walk.add(seed, to: loss.slot)
        walk.back(through: records, from: 0)
        gradients = walk.finish()
    }
}
