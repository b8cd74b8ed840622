import Autodiff

/// A computation that golden cases name.
struct GoldenRoutine: Sendable {
    /// The topics it belongs to.
    let topics: Set<String>
    /// The name in a case's `routine`; `model` for whole training cases.
    let name: String
    /// Computes what the case expects.
    let run: @Sendable (GoldenCase, Engine) throws -> GoldenOutcome

    init(
        _ topics: Set<String>, _ name: String, _ run: @escaping @Sendable (GoldenCase, Engine) throws -> GoldenOutcome
    ) {
        self.topics = topics
        self.name = name
        self.run = run
    }

    init(_ topics: Set<String>, _ name: String, _ run: @escaping @Sendable (GoldenCase) throws -> GoldenOutcome) {
        self.init(topics, name) { golden, _ in try run(golden) }
    }
}

/// Every computation that is known.
let goldenRoutines: [GoldenRoutine] =
    encoderRoutines + maskRoutines + positionRoutines + patchRoutines + initialValueRoutines + scheduleRoutines
    + pretrainingRoutines
    + mfmRoutines + multiBlockRoutines + blockMaskRoutines + ijepaRoutines + dmtjepaRoutines + lutRoutines
    + lejepaRoutines
    + maskAlignRoutines + caeRoutines + diagnosticRoutines + fineTuningRoutines + fileRoutines + dataRoutines
    + simMIMRoutines + crossMAERoutines + capiRoutines + evaluationRoutines + metricRoutines + headRoutines
    + eventRoutines
