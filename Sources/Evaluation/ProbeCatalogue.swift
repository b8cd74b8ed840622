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

    /// The probe of a name, with its defaults.
    public static func named(_ name: String) throws -> any Probe {
        guard let probe = probeProtocols.named(name) else {
            let names = probeProtocols.names.map { "\"\($0)\"" }.joined(separator: ", ")
            let guess = nearest(to: name, among: probeProtocols.names).map { "; did you mean \"\($0)\"?" } ?? ""
            throw EvaluationError("there is no probe \"\(name)\"; there are \(names)\(guess)")
        }
        return probe.init()
    }
}
