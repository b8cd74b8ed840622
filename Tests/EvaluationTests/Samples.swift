import Autodiff
import Evaluation
import Foundation
import RandomStreams

/// Tables of made-up features.
enum Samples {
    /// Shared by all tests, which run side by side.
    static let engine = onThreads(3)

    static func onThreads(_ threads: Int) -> Engine {
        do { return try Engine(threads: threads) } catch { preconditionFailure("\(error)") }
    }

    /// Classes around centres of their own: `spread` is the deviation of the centres against 1 within a class.
    static func table(
        count: Int, dimension: Int, classes: Int, spread: Double = 1, seed: UInt64 = 1, part: String = "train"
    ) -> FeatureTable {
        var centres = RandomStream(seed: seed).child("centres")
        let means = (0..<(classes * dimension)).map { _ in spread * centres.normal() }
        var stream = RandomStream(seed: seed).child(part)
        var features: [Float] = []
        var labels: [Int] = []
        for row in 0..<count {
            let label = row % classes
            labels.append(label)
            for i in 0..<dimension { features.append(Float(means[label * dimension + i] + stream.normal())) }
        }
        return FeatureTable(features: features, dimension: dimension, labels: labels)
    }

    static func floats(_ count: Int, seed: UInt64) -> [Float] {
        var stream = RandomStream(seed: seed)
        return (0..<count).map { _ in Float(stream.normal()) }
    }
}
