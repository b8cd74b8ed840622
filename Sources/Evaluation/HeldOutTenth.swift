public import RandomStreams

/// A tenth of the training set on which settings are chosen, class by class; the test set has no part in it.
public struct HeldOutTenth: Sendable, Equatable {
    /// Rows to fit on, rising.
    public let training: [Int]
    /// Rows to choose on, rising.
    public let validation: [Int]

    /// Holds out, of each class, the tenth (rounded) that comes first in a permutation of its own; at least one where
    /// the class has two rows, none where it has one.
    public init(labels: [Int], random: RandomStream) {
        let held = random.child("held-out tenth")
        var members: [Int: [Int]] = [:]
        for (row, label) in labels.enumerated() { members[label, default: []].append(row) }
        var isHeldOut = [Bool](repeating: false, count: labels.count)
        for (label, rows) in members where rows.count > 1 {
            var stream = held.child(label)
            let order = stream.permutation(rows.count)
            for place in order.prefix(max(1, (rows.count + 5) / 10)) { isHeldOut[rows[place]] = true }
        }
        training = labels.indices.filter { !isHeldOut[$0] }
        validation = labels.indices.filter { isHeldOut[$0] }
    }
}
