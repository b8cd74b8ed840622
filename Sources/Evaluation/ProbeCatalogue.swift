public import RecipeSchema

/// Every protocol by which frozen features can be judged, in the order of lists, and those that a program registers.
public let probeProtocols = Catalogue<any Probe.Type>(
    "protocol",
    [
        NearestNeighbourProbe.self,
        LogisticRegressionProbe.self,
        LinearProbe.self,
        FewShotProbe.self,
        StandardizedLogisticRegressionProbe.self,
        RidgeProbe.self,
        DINOv2LogisticRegressionProbe.self,
        DINOv2LinearProbe.self,
        CAPIAttentiveProbe.self,
        CAEAttentiveProbe.self,
        IJEPALinearProbe.self,
        FineTuneProbe.self,
        LowShotProbe.self,
        SegmentationNeighbourProbe.self,
        SegmentationRegressionProbe.self,
    ]
) { $0 }

/// The probes, by name.
public enum ProbeCatalogue {
    /// All probes, in the order of lists.
    public static var all: [any Probe.Type] { probeProtocols.all }

    /// A line for each protocol: its name and what it is.
    public static var list: String { all.map { "\($0.name): \($0.summary)" }.joined(separator: "\n") }

    /// The four of the table that `probe` prints where no protocol is named.
    public static let usual = [
        LogisticRegressionProbe.name, FewShotProbe.name, NearestNeighbourProbe.name, LinearProbe.name,
    ]

    /// The probe of a name with its defaults, and with the options that `changes` name: `PROTOCOL.KEY=VALUE` each, of which those of
    /// other protocols are left aside.
    public static func named(_ name: String, set changes: [String] = []) throws -> any Probe {
        guard let probe = probeProtocols.named(name) else {
            let names = probeProtocols.names.map { "\"\($0)\"" }.joined(separator: ", ")
            let guess = nearest(to: name, among: probeProtocols.names).map { "; did you mean \"\($0)\"?" } ?? ""
            throw EvaluationError("there is no probe \"\(name)\"; there are \(names)\(guess)")
        }
        var json = JSONValue(.object([]), line: JSONValue.overrideLine)
        var problems: [Problem] = []
        for change in changes where change.hasPrefix(name + ".") {
            do { try json.set(String(change.dropFirst(name.count + 1))) } catch { problems.append(error) }
        }
        let made = probe.decode(json, at: name, &problems)
        guard let made, problems.isEmpty else {
            throw EvaluationError(problems.map { "\($0.path): \($0.message)" }.joined(separator: "; "))
        }
        return made
    }

    /// The probes of some names with the changes of `--set`; a change of a protocol that is not among them is a mistake.
    public static func named(_ names: [String], set changes: [String]) throws -> [any Probe] {
        if let stray = changes.first(where: { change in !names.contains { change.hasPrefix("\($0).") } }) {
            throw EvaluationError(
                "--set \(stray) is of none of the protocols asked for; write PROTOCOL.KEY=VALUE, such as "
                    + "\(names[0]).\(probeProtocols.named(names[0])?.descriptions.first?.name ?? "KEY")=VALUE")
        }
        return try names.map { try named($0, set: changes) }
    }

    /// A value for people: of a long list the ends.
    private static func short(_ value: JSONValue) -> String {
        guard let list = value.array, list.count > 8, let last = list.last else { return value.text() }
        return "[\(list.prefix(2).map { $0.text() }.joined(separator: ", ")), … \(last.text())], \(list.count) values"
    }

    /// Every protocol with its options, for `probe --list`.
    public static var table: String {
        all.map { probe in
            let options = probe.descriptions.map { row in
                "    \(probe.name).\(row.name) = \(short(row.standard))  \(row.meaning)"
            }
            return (["\(probe.name): \(probe.summary)", "    takes \(probe.cost)"] + options).joined(separator: "\n")
        }.joined(separator: "\n")
    }
}
