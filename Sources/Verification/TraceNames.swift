import VisionTransformers

/// What the cases of a topic call the values that a forward pass traces.
///
/// Methods name values by the part that has them, `encoder/block_0`; each topic's page has names of its own. A rule names one
/// value, or, with a slash at its end, all values of a scope: the rest of the name follows what stands for the scope. The longest
/// rule that fits holds; without one a value is called `act/` and its own name.
struct TraceNames: ExpressibleByDictionaryLiteral {
    private let rules: [(traced: String, named: String)]

    init(dictionaryLiteral rules: (String, String)...) {
        self.rules = rules.sorted { $0.0.utf8.count > $1.0.utf8.count }.map { ($0.0, $0.1) }
    }

    /// What a case calls a value.
    func name(of traced: String) -> String {
        for rule in rules {
            if rule.traced == traced { return rule.named }
            if rule.traced.hasSuffix("/"), traced.hasPrefix(rule.traced) {
                return rule.named + traced.dropFirst(rule.traced.count)
            }
        }
        return "act/" + traced
    }

    /// Those of MAE's page, which others follow.
    static let mae: TraceNames = [
        "encoder/": "act/", "encoder/input": "act/encoder_input", "encoder/output": "act/encoder_output",
        "decoder/pos_embed": "act/decoder_pos_embed", "decoder/input": "act/decoder_input",
        "decoder/predicted": "act/pred",
    ]
}

extension GoldenOutcome {
    /// Takes what was traced, by the names of the case.
    mutating func record(_ trace: ForwardTrace, _ names: TraceNames = .mae) {
        for (name, tensor) in trace.points { values[names.name(of: name)] = GoldenValue(tensor) }
    }
}
