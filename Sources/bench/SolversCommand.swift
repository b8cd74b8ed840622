#if Commands
import ArgumentParser
import Autodiff
import Checkpoints
import Evaluation
import Foundation
import RecipeSchema

/// `bench solvers`: the two solvers that probes of many pictures spend their time in.
struct SolversCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "solvers", abstract: "Time logistic regression and nearest neighbours on files of features.",
        discussion: """
            Example: pretrain features RUN --part train --out train.safetensors, the same for the test part, then \
            bench solvers train.safetensors test.safetensors
            Logistic regression is fitted to all training features at 45 values of C, 10^(-6 ... 5), each from the solution of \
            the one before, as clip-logreg fits the values it tries; objectives are C·Σ loss + ½‖W‖², so that others can be \
            held against them. Neighbours: the 20 nearest training features of each test feature.
            """)

    @Argument(help: "Features with labels, as pretrain features writes them.")
    var train: String

    @Argument(help: "Features to look for neighbours of.")
    var test: String

    @Option(help: "Threads.")
    var threads = ProcessInfo.processInfo.activeProcessorCount

    func run() throws {
        let engine = try Engine(threads: threads)
        let (train, test) = (try table(train), try table(test))
        guard let labels = train.labels else {
            throw ValidationError("\(self.train) has no labels; name a labelled source to pretrain features")
        }
        guard test.dimension == train.dimension else {
            throw ValidationError(
                "\(self.train) has \(train.dimension) features and \(self.test) \(test.dimension); name files of one encoder"
            )
        }
        try fit(train, labels, engine)
        let start = ContinuousClock.now
        _ = NearestNeighbours(
            of: test.features, among: train.features, features: train.dimension, count: 20, on: engine)
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        print(
            JSONValue.object([
                ("solver", JSONValue("neighbours")), ("train", JSONValue(train.count)), ("test", JSONValue(test.count)),
                ("features", JSONValue(train.dimension)), ("threads", JSONValue(threads)),
                ("seconds", rounded(seconds)),
            ]).text())
    }

    private func fit(_ train: FeatureTable, _ labels: [Int], _ engine: Engine) throws {
        let classes = (labels.max() ?? 0) + 1
        let start = ContinuousClock.now
        let problem = SoftmaxRegression(
            train.features, features: train.dimension, labels: labels, classes: classes, on: engine)
        var (model, objectives, products): (SoftmaxRegression.Model?, [JSONValue], Int) = (nil, [], 0)
        for C in LogisticRegressionProbe().c {
            let next = problem.solve(C: C, from: model, tolerance: 1e-5)
            objectives.append(JSONValue(next.objective))
            products += next.products
            model = next
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        print(
            JSONValue.object([
                ("solver", JSONValue("logistic regression")), ("train", JSONValue(train.count)),
                ("features", JSONValue(train.dimension)), ("classes", JSONValue(classes)),
                ("threads", JSONValue(threads)),
                ("seconds", rounded(seconds)), ("products", JSONValue(products)), ("objectives", JSONValue(objectives)),
            ]).text())
    }

    private func table(_ path: String) throws -> FeatureTable {
        do {
            return try FeatureTable(try Safetensors.read(path), path: path)
        } catch {
            throw ValidationError("\(error)")
        }
    }
}
#endif
