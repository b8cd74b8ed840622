/// What a reading made of each tensor of a file and of each parameter of a model: nothing is dropped in silence.
public struct EncoderAccount: Sendable, Equatable {
    /// Tensors of the file.
    public internal(set) var tensorCount = 0
    /// The tensors that were taken, by their names in the file.
    public internal(set) var taken: [String] = []
    /// Sentences about what was taken in another form: a position table of another grid.
    public internal(set) var changes: [String] = []
    /// The tensors that were left, by their names in the file, and why.
    public internal(set) var ignored: [(name: String, reason: String)] = []
    /// The parameters of the model that the file lacks; they keep their initial values.
    public internal(set) var missing: [String] = []

    /// An account of a file before anything is taken.
    init(tensorCount: Int) { self.tensorCount = tensorCount }

    /// The account as one line of a log.
    public var sentence: String {
        var parts = changes
        var reasons: [String] = []
        for (_, reason) in ignored where !reasons.contains(reason) { reasons.append(reason) }
        for reason in reasons {
            let names = ignored.filter { $0.reason == reason }.map(\.name)
            parts.append("left \(names.count) (\(reason)): \(listed(names))")
        }
        if !missing.isEmpty {
            parts.append(
                "the file lacks \(missing.count) of the model's parameters, which keep their initial values: "
                    + listed(missing))
        }
        let start = "taken \(taken.count) of \(tensorCount) tensors"
        return parts.isEmpty ? start : "\(start): \(parts.joined(separator: "; "))"
    }

    /// Accounts are equal when they say the same.
    public static func == (a: EncoderAccount, b: EncoderAccount) -> Bool {
        a.tensorCount == b.tensorCount && a.taken == b.taken && a.changes == b.changes && a.missing == b.missing
            && a.ignored.elementsEqual(b.ignored) { $0 == $1 }
    }

    /// Some names, not a page of them.
    private func listed(_ names: [String]) -> String {
        let shown = names.prefix(4).map(escaped).joined(separator: ", ")
        return names.count <= 4 ? shown : "\(shown) and \(names.count - 4) more"
    }
}
