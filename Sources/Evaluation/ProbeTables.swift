import RecipeSchema

/// A training and a test table that fit together: what every probe starts from.
struct ProbeTables {
    let train: FeatureTable
    let test: FeatureTable
    let trainLabels: [Int]
    let testLabels: [Int]
    /// Number of classes: those of the training labels, or the names where there are more.
    let classes: Int

    /// Checks that both tables have labels, the same features, all of them finite, and at least two classes.
    init(_ train: FeatureTable, _ test: FeatureTable) throws {
        guard train.dimension == test.dimension else {
            throw EvaluationError(
                "the training table has \(train.dimension) features, the test table \(test.dimension); "
                    + "both must come from the same encoder")
        }
        trainLabels = try Self.labels(train, "training")
        testLabels = try Self.labels(test, "test")
        classes = max((trainLabels.max() ?? 0) + 1, train.classNames?.count ?? 0)
        guard Set(trainLabels).count > 1 else {
            throw EvaluationError("the training table has one class; a probe needs at least two")
        }
        self.train = train
        self.test = test
    }

    /// Classes of test pictures that no training picture has, and how many those pictures are: they count as wrong whatever the
    /// features are. Empty where there are none.
    var untrained: (classes: [String], pictures: Int) {
        let known = Set(trainLabels)
        let strange = testLabels.filter { !known.contains($0) }
        let names = train.classNames
        return (
            Set(strange).sorted().map { label in
                guard let names, names.indices.contains(label) else { return String(label) }
                return names[label]
            }, strange.count
        )
    }

    /// What a row says beside the protocol's own choices, where there is anything to say.
    var remarks: [(String, JSONValue)] {
        let (classes, pictures) = untrained
        return classes.isEmpty
            ? []
            : [
                ("classes_without_training", JSONValue(classes.map { JSONValue($0) })),
                ("test_pictures_of_them", JSONValue(pictures)),
            ]
    }

    private static func labels(_ table: FeatureTable, _ name: String) throws -> [Int] {
        guard let labels = table.labels else {
            throw EvaluationError("the \(name) table has no labels; a probe needs a labelled source")
        }
        guard !labels.isEmpty else { throw EvaluationError("the \(name) table is empty") }
        if let row = labels.firstIndex(where: { $0 < 0 || $0 >= 1_000_000 }) {
            throw EvaluationError(
                "the label \(labels[row]) of row \(row) of the \(name) table; labels are from 0 to 999999")
        }
        if let place = table.features.firstIndex(where: { !$0.isFinite }) {
            throw EvaluationError(
                "feature \(place % table.dimension) of row \(place / table.dimension) of the \(name) table is "
                    + "\(table.features[place]); the encoder diverged or its file is damaged")
        }
        return labels
    }

    /// The tables for choosing settings: fit on nine tenths of the training table, judge on the held-out tenth.
    func choosing(_ split: HeldOutTenth) throws -> ProbeTables {
        guard !split.validation.isEmpty else {
            throw EvaluationError(
                "no class of the training table has two pictures, so none can be held out to choose settings on")
        }
        return try ProbeTables(train.rows(split.training), train.rows(split.validation))
    }
}
