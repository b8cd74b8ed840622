/// The gradients collected so far while a tape is walked back.
///
/// The first contribution to a slot moves in; later ones are added to it, in place where the slot is the only holder.
struct BackwardWalk: ~Copyable {
    let engine: Engine
    private var slots: [SlotState] = []
    private var parameters: Gradients
    /// Whether the range of a parameter holds something to add to; if not, the first contribution overwrites it.
    private var isFilled: [Bool]

    private struct SlotState {
        var gradient: Tensor?
        /// The gradient has already been multiplied by the record's factor.
        var isScaled = false
        /// The factor, while the slot waits for gradients.
        var factor: Tensor?
    }

    init(engine: Engine, gradients: consuming Gradients, keeping: Bool) {
        self.engine = engine
        self.isFilled = Array(repeating: keeping, count: gradients.entries.count)
        self.parameters = gradients
    }

    /// Makes room for the gradients of records whose numbers begin with `first`. Those of records behind were taken.
    mutating func expect(_ records: [Tape.Record], from first: Int) {
        slots.removeSubrange(first...)
        slots += records.map { SlotState(factor: $0.factor) }
    }

    /// Goes back through expected records, the last one first.
    mutating func back(through records: consuming [Tape.Record], from first: Int) {
        while let record = records.popLast() {
            guard let gradient = takeGradient(of: first + records.count) else { continue }
            record.pullback(gradient, &self)
        }
    }

    /// Adds a gradient that nobody else is going to change.
    mutating func add(_ gradient: consuming Tensor, to slot: Variable.Slot) {
        switch slot {
        case .none: break
        case .parameter(let id):
            let filled = isFilled[id.index]
            isFilled[id.index] = true
            let engine = engine
            let source = gradient
            parameters.withUnsafeMutableBuffer(of: id) { target in
                source.withUnsafeBuffer { filled ? engine.add($0, to: target) : engine.copy($0, to: target) }
            }
        case .intermediate(let index):
            guard let sum = slots[index].gradient.take() else {
                slots[index].gradient = gradient
                return
            }
            if slots[index].isScaled, let factor = slots[index].factor { gradient = engine.product(gradient, factor) }
            slots[index].gradient = engine.sum(sum, gradient)
        }
    }

    /// Lets a kernel write (`accumulate` false) or add (true) a gradient of `count` elements right where it belongs.
    mutating func accumulate(
        into slot: Variable.Slot, count: Int,
        _ body: (_ target: UnsafeMutablePointer<Float>, _ accumulate: Bool) -> Void
    ) {
        switch slot {
        case .none: break
        case .parameter(let id):
            let filled = isFilled[id.index]
            isFilled[id.index] = true
            parameters.withUnsafeMutableBuffer(of: id) { target in
                require(count == target.count, "a gradient of \(count) elements for \(target.count)")
                if let base = target.baseAddress { body(base, filled) }
            }
        case .intermediate(let index):
            if slots[index].gradient == nil || slots[index].isScaled {
                let fresh = engine.tensor([count])
                body(fresh.pointer, false)
                add(fresh, to: slot)
            } else if var sum = slots[index].gradient.take() {
                require(count == sum.count, "a gradient of \(count) elements for \(sum.count)")
                sum.withUnsafeMutableBuffer { if let base = $0.baseAddress { body(base, true) } }
                slots[index].gradient = sum
            }
        }
    }

    /// The factor that the first gradient of `slot` is to be multiplied by, for a kernel that does so on the way;
    /// the caller then adds the product. Nil where there is none, or where unscaled gradients wait already.
    mutating func claimFactor(of slot: Variable.Slot) -> Tensor? {
        guard case .intermediate(let index) = slot, slots[index].gradient == nil, let factor = slots[index].factor
        else { return nil }
        slots[index].isScaled = true
        return factor
    }

    /// Takes the finished gradient of a record's output, multiplied by the record's factor.
    mutating func takeGradient(of index: Int) -> Tensor? {
        let factor = slots[index].factor.take()
        guard let gradient = slots[index].gradient.take() else { return nil }
        guard let factor, !slots[index].isScaled else { return gradient }
        return engine.product(gradient, factor)
    }

    /// The gradients, zero for parameters that got none.
    consuming func finish() -> Gradients {
        for (index, filled) in isFilled.enumerated() where !filled {
            parameters.withUnsafeMutableBuffer(of: ParameterID(index: index)) { $0.update(repeating: 0) }
        }
        return parameters
    }
}
