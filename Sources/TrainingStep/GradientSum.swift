import Autodiff
import Optimizers
import ProcessGroups

/// The sum of the gradients of a step's micro-batches: each is computed by itself, and they are added in order, so that no bit depends
/// on how many processes share them.
struct GradientSum: Sendable {
    /// The sum; of a group, this process's slice of it alone.
    private(set) var total: Gradients
    /// How the numbers are shared.
    let slices: Slices
    private let group: ProcessGroup
    /// Where a micro-batch is computed beside the sum; of no parameters where there is only one.
    private var spare: Gradients
    private let exchange: SliceExchange?
    /// Micro-batches in the sum.
    private var parts = 0

    init(for store: ParameterStore, parts: Int, group: ProcessGroup) {
        self.group = group
        total = Gradients(for: store)
        slices = Slices(store.flatCount, for: group.count, block: Gradients.squareBlock)
        spare = Gradients(for: parts > 1 ? store : ParameterStore())
        exchange = group.count > 1 ? SliceExchange(group, slices) : nil
    }

    /// The slice of this process.
    var own: Range<Int> { slices.ranges[group.rank] }

    /// Adds a micro-batch of this process: `record` overwrites the gradients it is given.
    mutating func add(_ part: Int, on engine: Engine, _ record: (inout Gradients) -> Void) {
        if part == group.rank { parts = 0 }
        guard let exchange else {
            guard part > 0 else { return record(&total) }
            record(&spare)
            return total.add(spare, on: engine)
        }
        record(&spare)
        finish(on: engine)
        spare.flat.withUnsafeBuffer { exchange.begin($0) }
    }

    /// Waits for what the others sent.
    mutating func finish(on engine: Engine) {
        guard let exchange, exchange.isUnderWay else { return }
        let own = own
        exchange.end { values in
            total.withUnsafeMutableBuffer { buffer in
                let target = UnsafeMutableBufferPointer(rebasing: buffer[own])
                if parts == 0 { _ = target.update(from: values) } else { engine.add(values, to: target) }
            }
            parts += 1
        }
    }

    /// Gives every process the whole sum, for optimisers that need it.
    mutating func gather() {
        let (group, slices) = (group, slices)
        total.withUnsafeMutableBuffer { group.gather($0, slices) }
    }
}
