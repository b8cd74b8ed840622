public import Autodiff
import Checkpoints
import Foundation
public import RecipeSchema

/// The result of one case.
public struct GoldenResult: Sendable {
    /// Topic and case.
    public var name: String
    /// The largest error over its tolerance.
    public var worst: Double
    /// Which tensor or statement it belongs to.
    public var worstTensor: String
    /// Tensors and statements compared.
    public var count: Int
    /// Why the case could not be run.
    public var error: String?
    /// False where no routine computes the case here, so that it says nothing of the numbers.
    public var isRunnable = true

    /// True when the case ran and everything is within its tolerance.
    public var passed: Bool { error == nil && worst <= 1 && count > 0 }

    /// The row of `verify --json`.
    public var row: JSONValue {
        var members: [(String, JSONValue)] = [("case", JSONValue(name)), ("passed", JSONValue(passed))]
        if let error {
            members.append(("error", JSONValue(error)))
            if !isRunnable { members.append(("runnable", JSONValue(false))) }
        } else {
            members.append(("worst", worst.isFinite ? JSONValue(worst) : JSONValue("infinite")))
            members.append(("tensor", JSONValue(worstTensor)))
            members.append(("tensors", JSONValue(count)))
        }
        return .object(members)
    }
}

/// Runs golden cases.
public struct Verifier {
    private let engine: Engine

    /// A verifier that computes on an engine.
    public init(engine: Engine) { self.engine = engine }

    /// The folders with a `case.json` at or below a path, sorted.
    public static func folders(below path: String) -> [String] {
        let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        let manager = FileManager.default
        if path.hasSuffix("/case.json") { return [String(path.dropLast(10))] }
        if manager.fileExists(atPath: path + "/case.json") { return [path] }
        // A walk would end at a link.
        let place = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        guard let walk = manager.enumerator(atPath: place) else { return [] }
        return walk.compactMap { $0 as? String }.filter { $0.hasSuffix("/case.json") }
            .map { path + "/" + $0.dropLast(10) }.sorted()
    }

    /// Runs the case of a folder; every fault is a result.
    public func run(folder: String) -> GoldenResult {
        run(folder) { try GoldenCase(folder: folder) }
    }

    /// Runs a case that was read; every fault is a result.
    package func run(_ golden: GoldenCase) -> GoldenResult { run(golden.folder) { golden } }

    private func run(_ folder: String, _ read: () throws -> GoldenCase) -> GoldenResult {
        var result = GoldenResult(
            name: folder.split(separator: "/").suffix(2).joined(separator: "/"), worst: 0, worstTensor: "", count: 0)
        do {
            let golden = try read()
            let routine = goldenRoutines.first { $0.topics.contains(golden.topic) && $0.name == golden.routine }
            guard let routine else {
                result.isRunnable = false
                throw GoldenError("no computation \"\(golden.routine)\" of topic \"\(golden.topic)\" is known here")
            }
            let outcome = try routine.run(golden, engine)
            for (tensor, worst) in try compare(golden, outcome) {
                result.count += 1
                if worst > result.worst || result.worstTensor.isEmpty {
                    result.worst = worst
                    result.worstTensor = tensor
                }
            }
            if result.count == 0 { result.error = "the case has nothing to check" }
        } catch {
            result.error = "\(error)"
        }
        return result
    }

    /// Error over tolerance of every expected tensor and every statement.
    private func compare(_ golden: GoldenCase, _ outcome: GoldenOutcome) throws -> [(String, Double)] {
        var rows = outcome.checks.map { ($0.statement, $0.worst) }
        let statistical = golden.statisticalExpectations
        for expectation in golden.expectations {
            if statistical.contains(expectation.tensor) {
                // The statement of that name is the test; it is among the rows already.
                guard rows.contains(where: { $0.0 == expectation.tensor }) else {
                    throw GoldenError("\"\(expectation.tensor)\" is to be tested statistically and was not")
                }
                continue
            }
            let want = try golden.tensor(expectation.tensor)
            guard let got = outcome.values[expectation.tensor] else {
                throw GoldenError("the tensor \"\(expectation.tensor)\" is expected and was not produced")
            }
            guard got.shape == want.shape else {
                throw GoldenError("\"\(expectation.tensor)\" has shape \(got.shape), expected \(want.shape)")
            }
            let wanted = want.integers()?.map { Double($0) } ?? want.doubles()
            let largest = wanted.reduce(0) { max($0, abs($1)) }
            let exact = want.integers() != nil && expectation.absolute == 0 && expectation.relative == 0
            let bound = exact ? 0 : expectation.absolute + expectation.relative * largest
            let error = zip(got.numbers, wanted).reduce(0.0) { worst, pair in
                let difference = abs(pair.0 - pair.1)
                return difference.isNaN ? .infinity : max(worst, difference)
            }
            rows.append((expectation.tensor, error == 0 ? 0 : error / bound))
        }
        return rows
    }
}
