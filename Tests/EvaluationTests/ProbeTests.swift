import Evaluation
import ImageData
import RandomStreams
import RecipeSchema
import Testing

/// The rows of a table as pictures that nobody looks at.
private struct LabelledRows: ImageSource {
    let table: FeatureTable
    init(_ table: FeatureTable) {
        self.table = FeatureTable(
            features: table.features, dimension: table.dimension, labels: table.labels,
            keys: (0..<table.count).map { "row \($0)" })
    }
    var count: Int { table.count }
    var labelNames: [String]? { nil }
    var fingerprint: String { "rows" }
    func image(_ index: Int) throws(ImageError) -> DecodedImage {
        throw ImageError(.empty, path: "", "there are no pictures")
    }
    func label(_ index: Int) -> Int? { table.labels?[index] }
    func key(_ index: Int) -> String { table.keys[index] }
}

@Suite struct ProbeTests {
    /// The protocols that judge tables of features.
    static let names = ProbeCatalogue.all.filter { $0 is any TableProbe.Type }.map { $0.name }

    private func named(_ name: String) throws -> any TableProbe {
        try #require(try ProbeCatalogue.named(name) as? any TableProbe)
    }

    @Test func namesAreDifferentAndUnknownOnesAreErrors() throws {
        let all = ProbeCatalogue.all.map { $0.name }
        #expect(Set(all).count == all.count)
        let error = #expect(throws: EvaluationError.self) { try ProbeCatalogue.named("dino-nn") }
        #expect(error?.description.hasPrefix("there is no probe \"dino-nn\"; there are \"dino-knn\"") == true)
    }

    @Test func optionsAreSetByProtocolAndChecked() throws {
        let set = ["dino-knn.k=[3, 5]", "ridge.alpha=[2]"]
        let probes = try ProbeCatalogue.named(["dino-knn", "ridge"], set: set)
        #expect((probes[0] as? NearestNeighbourProbe)?.k == [3, 5] && (probes[1] as? RidgeProbe)?.alpha == [2])
        for (changes, words) in [
            (["dino-knn.k=0"], "dino-knn.k: found 0"), (["dino-knn.k=[5, 5]"], "rising"),
            (["dino-knn.kk=1"], "did you mean"),
            (["ridge.alpha=[1]"], "of none of the protocols asked for"), (["k=3"], "write PROTOCOL.KEY=VALUE"),
            (["dino-knn"], "write PROTOCOL.KEY=VALUE"),
        ] {
            let error = #expect(throws: EvaluationError.self) { try ProbeCatalogue.named(["dino-knn"], set: changes) }
            #expect(error?.description.contains(words) == true, "\(error?.description ?? "")")
        }
        for inner in ["low-shot", "magic"] {
            #expect(throws: EvaluationError.self) {
                try ProbeCatalogue.named("low-shot", set: ["low-shot.protocol=\(inner)"])
            }
        }
    }

    /// A tenth of the labels is a tenth of each class, the same pictures in each row of a draw, and never fewer than one.
    @Test func lowShotsTakeAShareOfEachClass() throws {
        let train = Samples.table(count: 400, dimension: 12, classes: 4, spread: 4)
        let test = Samples.table(count: 101, dimension: 12, classes: 4, spread: 4, part: "test")
        let subject = ProbeSubject(
            nil, train: LabelledRows(train), test: LabelledRows(test), on: Samples.engine
        ) { part, _ in part == .train ? LabelledRows(train).table : LabelledRows(test).table }
        var probe = LowShotProbe()
        probe.inner = "ridge"
        probe.shares = [0.02, 0.1]
        let scores = try probe.scores(subject, random: RandomStream(seed: 1))
        #expect(scores.map(\.name) == ["low-shot 2 % ridge", "low-shot 10 % ridge"])
        #expect(scores[0].train == 8 && (39...41).contains(scores[1].train) && scores[1].accuracy > 0.97)
        #expect(scores[1].spread != nil && scores[1].row(features: "x")["spread"]?.double == scores[1].spread)
        let keys = scores[1].chosen["keys"]?.array?.compactMap { $0.array?.compactMap(\.string) } ?? []
        #expect(keys.count == 3 && Set(keys.map { Set($0) }).count == 3, "three draws of other pictures")
        #expect(try probe.scores(subject, random: RandomStream(seed: 1)) == scores)
    }

    @Test func everyOptionHasARow() {
        // Properties that a recipe's value can be; settings in a structure of their own have their rows all the same.
        func properties<P: Probe>(_: P.Type) -> (Int, Int) {
            (Mirror(reflecting: P()).children.count { $0.value is any RecipeValue }, P.fields.count)
        }
        for probe in ProbeCatalogue.all {
            let (properties, rows) = properties(probe)
            #expect(properties <= rows && rows > 0, "\(probe.name)")
        }
    }

    @Test(arguments: names) func separatedClassesAreToldApart(_ name: String) throws {
        let train = Samples.table(count: 400, dimension: 12, classes: 4, spread: 4)
        let test = Samples.table(count: 101, dimension: 12, classes: 4, spread: 4, part: "test")
        let scores = try named(name).scores(
            train: train, test: test, random: RandomStream(seed: 1), on: Samples.engine)
        #expect(!scores.isEmpty)
        for score in scores {
            #expect(score.name == name)
            #expect(score.accuracy > 0.97, "\(score.chosen.text())")
            #expect(score.interval.contains(score.accuracy))
            #expect(score.test == 101)
        }
    }

    @Test(arguments: names) func labelsWithoutMeaningAreGuessed(_ name: String) throws {
        let train = Samples.table(count: 400, dimension: 12, classes: 4, spread: 0)
        let test = Samples.table(count: 400, dimension: 12, classes: 4, spread: 0, part: "test")
        for score in try named(name).scores(
            train: train, test: test, random: RandomStream(seed: 1), on: Samples.engine)
        {
            #expect(abs(score.accuracy - 0.25) < 0.09)
        }
    }

    @Test(arguments: names) func theSameStreamGivesTheSameScores(_ name: String) throws {
        let train = Samples.table(count: 300, dimension: 8, classes: 3, spread: 0.5)
        let test = Samples.table(count: 70, dimension: 8, classes: 3, spread: 0.5, part: "test")
        let probe = try named(name)
        let first = try probe.scores(train: train, test: test, random: RandomStream(seed: 9), on: Samples.engine)
        #expect(try probe.scores(train: train, test: test, random: RandomStream(seed: 9), on: Samples.engine) == first)
    }

    @Test(arguments: names) func theNumberOfThreadsChangesNoScore(_ name: String) throws {
        let train = Samples.table(count: 700, dimension: 8, classes: 3, spread: 0.5)
        let test = Samples.table(count: 300, dimension: 8, classes: 3, spread: 0.5, part: "test")
        let probe = try named(name)
        let scores = try [1, 2, 5].map {
            try probe.scores(train: train, test: test, random: RandomStream(seed: 9), on: Samples.onThreads($0))
        }
        #expect(scores[1] == scores[0] && scores[2] == scores[0])
    }

    /// Labels of the test table turned round: all that was chosen stays, only the hits change.
    @Test(arguments: names) func testLabelsReachNoChoice(_ name: String) throws {
        let train = Samples.table(count: 300, dimension: 8, classes: 3, spread: 0.5)
        let test = Samples.table(count: 90, dimension: 8, classes: 3, spread: 0.5, part: "test")
        let turned = FeatureTable(
            features: test.features, dimension: 8, labels: test.labels.map { $0.map { ($0 + 1) % 3 } })
        let probe = try named(name)
        let scores = try probe.scores(train: train, test: test, random: RandomStream(seed: 1), on: Samples.engine)
        let others = try probe.scores(train: train, test: turned, random: RandomStream(seed: 1), on: Samples.engine)
        for (a, b) in zip(scores, others) {
            #expect(a.accuracy != b.accuracy)
            for key in ["k", "C", "base_learning_rate", "validation", "gradient"] {
                #expect(a.chosen[key] == b.chosen[key])
            }
        }
    }

    @Test(arguments: names) func twoClassesAndAnUnseenTestClassWork(_ name: String) throws {
        let train = Samples.table(count: 60, dimension: 5, classes: 2, spread: 4)
        var labels = [Int](repeating: 0, count: 20)
        labels[3] = 9
        let few = Samples.table(count: 20, dimension: 5, classes: 1, spread: 4, part: "test")
        let test = FeatureTable(features: few.features, dimension: 5, labels: labels)
        for score in try named(name).scores(
            train: train, test: test, random: RandomStream(seed: 1), on: Samples.engine)
        {
            #expect(score.accuracy <= 0.95)
        }
    }

    @Test(arguments: names) func faultyTablesAreErrorsWithAReason(_ name: String) throws {
        let probe = try named(name)
        let good = Samples.table(count: 40, dimension: 3, classes: 2)
        func fault(_ train: FeatureTable, _ test: FeatureTable) -> String? {
            #expect(throws: EvaluationError.self) {
                try probe.scores(train: train, test: test, random: RandomStream(seed: 1), on: Samples.engine)
            }?.description
        }
        func table(_ features: [Float], _ labels: [Int]?) -> FeatureTable {
            FeatureTable(features: features, dimension: 3, labels: labels)
        }
        #expect(
            fault(table(good.features, nil), good)
                == "the training table has no labels; a probe needs a labelled source")
        #expect(
            fault(good, table(good.features, nil)) == "the test table has no labels; a probe needs a labelled source")
        #expect(fault(good, table([], [])) == "the test table is empty")
        #expect(
            fault(good, Samples.table(count: 4, dimension: 2, classes: 2))
                == "the training table has 3 features, the test table 2; both must come from the same encoder")
        #expect(
            fault(table([1, 2, 3, 4, 5, 6], [1, 1]), good)
                == "the training table has one class; a probe needs at least two")
        #expect(
            fault(table([1, 2, 3, 4, .nan, 6], [1, 0]), good)
                == "feature 1 of row 1 of the training table is nan; the encoder diverged or its file is damaged")
        #expect(
            fault(table([1, 2, 3, 4, 5, 6], [-1, 0]), good)
                == "the label -1 of row 0 of the training table; labels are from 0 to 999999")
    }

    /// A name that says more than was done would be quoted: settings beyond the pictures are left out, and said.
    @Test func settingsBeyondThePicturesAreLeftOutAndSaid() throws {
        let train = Samples.table(count: 24, dimension: 3, classes: 12)
        let neighbours = try NearestNeighbourProbe().scores(
            train: train, test: train, random: RandomStream(seed: 1), on: Samples.engine)
        let chosen = try #require(neighbours.first?.chosen)
        #expect(chosen["test_accuracy_by_k"]?.members?.map(\.name) == ["10", "20"])
        #expect(chosen["k_beyond_the_pictures"]?.array?.compactMap(\.int) == [100, 200])
        let shots = try FewShotProbe().scores(
            train: train, test: train, random: RandomStream(seed: 1), on: Samples.engine)
        #expect(shots.map { $0.chosen["shots"]?.int } == [1])
        #expect(shots[0].chosen["shots_beyond_the_smallest_class"]?.array?.compactMap(\.int) == [5, 10, 25])
        let text = ProbeReport([.init(features: "pretrained", scores: neighbours + shots)]).text(
            random: RandomStream(seed: 1))
        #expect(text.contains("k = 100, 200 left out") && text.contains("5, 10, 25 a class left out"))
    }

    @Test func classesThatWereNeverTrainedOnAreNamed() throws {
        let train = FeatureTable(
            features: [1, 2, 3, 4, 5, 6, 7, 8], dimension: 1, labels: [0, 0, 0, 0, 1, 1, 1, 1],
            classNames: ["cat", "dog", "emu"])
        let test = FeatureTable(features: [1, 5, 9], dimension: 1, labels: [0, 1, 2], classNames: train.classNames)
        var probe = NearestNeighbourProbe()
        probe.k = [1]
        let score = try probe.scores(train: train, test: test, random: RandomStream(seed: 1), on: Samples.engine)[0]
        #expect(score.chosen["classes_without_training"]?.array?.compactMap(\.string) == ["emu"])
        #expect(score.chosen["test_pictures_of_them"]?.int == 1)
        let text = ProbeReport([.init(features: "raw-pixels", scores: [score])]).text(random: RandomStream(seed: 1))
        #expect(text.contains("1 of 3 test pictures are of classes that no training picture has (emu)"))
    }

    @Test func aPictureAClassLeavesNothingToChooseOn() throws {
        let train = FeatureTable(features: [1, 2, 3], dimension: 1, labels: [0, 1, 2])
        #expect(throws: EvaluationError.self) {
            try LogisticRegressionProbe().scores(
                train: train, test: train, random: RandomStream(seed: 1), on: Samples.engine)
        }
        var fixed = NearestNeighbourProbe()
        fixed.k = [1]
        #expect(
            try fixed.scores(train: train, test: train, random: RandomStream(seed: 1), on: Samples.engine).count == 1)
    }

    @Test func theWalkOverCTriesFewOfTheValuesAndTheBestOfThem() throws {
        let train = Samples.table(count: 300, dimension: 30, classes: 3, spread: 0.3)
        let score = try LogisticRegressionProbe().scores(
            train: train, test: train, random: RandomStream(seed: 1), on: Samples.engine)[0]
        let tried = try #require(score.chosen["validation"]?.array).map { ($0.array ?? []).compactMap(\.double) }
        #expect(tried.count < 20)
        let best = tried.map { $0[1] }.max()
        #expect(tried.first { $0[0] == score.chosen["C"]?.double }?[1] == best)
    }

    @Test func thePairOfProbesOfTheReferenceScriptIsThere() throws {
        let train = Samples.table(count: 300, dimension: 8, classes: 3, spread: 0.5)
        let test = Samples.table(count: 60, dimension: 8, classes: 3, spread: 0.5, part: "test")
        let score = try NearestNeighbourProbe().scores(
            train: train, test: test, random: RandomStream(seed: 1), on: Samples.engine)[0]
        var alone = NearestNeighbourProbe()
        alone.k = [20]
        let twenty = try alone.scores(train: train, test: test, random: RandomStream(seed: 1), on: Samples.engine)[0]
        #expect(score.chosen["test_accuracy_by_k"]?["20"]?.double == twenty.accuracy)
        #expect(twenty.chosen["selected_on"]?.string == "nothing")
    }

    @Test func theBatchOfTheLinearProbeIsAQuarterOfSmallSetsAndTheResultSaysSo() throws {
        let train = Samples.table(count: 120, dimension: 8, classes: 3)
        var probe = LinearProbe()
        probe.epochs = 12
        let score = try probe.scores(train: train, test: train, random: RandomStream(seed: 1), on: Samples.engine)[0]
        #expect(score.chosen["batch_size"]?.int == 30)
        #expect(score.chosen["batch_rule"]?.string == "a quarter of the training pictures")
        probe.batchSize = 16
        let small = try probe.scores(train: train, test: train, random: RandomStream(seed: 1), on: Samples.engine)[0]
        #expect(small.chosen["batch_rule"]?.string == "as asked")
    }
}
