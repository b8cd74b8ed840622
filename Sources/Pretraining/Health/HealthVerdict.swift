package import Evaluation
import Foundation
package import RecipeSchema

/// The figures of one health check: how the features of the probe pictures spread, without labels.
package struct HealthFigures: Sendable, Equatable {
    /// RankMe of the features.
    var rankMe: Double
    /// Entropy rank of their covariance.
    var covarianceRank: Double
    /// Deviation of unit-length features times √d.
    var unitDeviation: Double
    /// Mean cosine between the features of different pictures.
    var meanCosine: Double
    /// tr Σ / (tr Σ + ‖mean‖²).
    var relativeVariance: Double

    /// The figures of a table.
    package init(_ table: FeatureTable) {
        let spectrum = FeatureSpectrum(
            table.features.map { Double($0) }, rows: table.count, width: table.dimension)
        rankMe = spectrum.rankMe
        covarianceRank = spectrum.covarianceRank
        unitDeviation = spectrum.unitDeviation
        meanCosine = spectrum.meanCosine
        relativeVariance = spectrum.relativeVariance
    }

    /// All features are one: collapsed, whatever the loss says.
    var isConstant: Bool { relativeVariance < 1e-3 || (unitDeviation < 0.02 && meanCosine > 0.999) }

    var members: [(String, JSONValue)] {
        [
            ("rankme", JSONValue(rankMe)), ("covariance_rank", JSONValue(covarianceRank)),
            ("unit_deviation", JSONValue(unitDeviation)), ("mean_cosine", JSONValue(meanCosine)),
            ("relative_variance", JSONValue(relativeVariance)),
        ]
    }
}

/// What a run's health checks have shown so far: what alarms compare with. Part of every checkpoint, so that a resumed run warns
/// at the same steps.
///
/// Thresholds are ours, from sets of features that were made to collapse; an alarm warns and never stops a run.
package struct HealthHistory: Sendable, Equatable {
    /// The covariance rank before the first step.
    var initialRank: Double?
    /// The largest covariance rank so far.
    var largestRank = 0.0
    /// Checks in a row with constant features.
    var constantChecks = 0
    /// The largest loss of the best constant so far.
    var largestConstant = 0.0
    /// The pictures that every check of the run looks at; 0 before the first.
    var pictures = 0

    /// Nothing seen yet.
    package init() {}

    /// The sentence of an alarm, or nil: takes the figures of a check in. Ranks count only `afterWarmup`.
    package mutating func verdict(_ figures: HealthFigures, afterWarmup: Bool) -> String? {
        defer { largestRank = max(largestRank, figures.covarianceRank) }
        guard let initialRank else {
            initialRank = figures.covarianceRank
            return nil
        }
        constantChecks = figures.isConstant ? constantChecks + 1 : 0
        if constantChecks >= 2 {
            return "collapsed: all pictures get the same features (relative variance "
                + String(format: "%.1e", figures.relativeVariance)
                + "); whatever the loss says, nothing is being learnt. Lower the learning rate, or slow the teacher "
                + "(a momentum nearer to 1)"
        }
        // Half, because healthy runs of joint-embedding methods lose a third of their directions before they gain new ones.
        if afterWarmup && figures.covarianceRank < 0.5 * largestRank {
            return String(
                format:
                    "narrowing: the features vary in %.1f directions, against %.1f before training and %.1f at best; "
                    + "part of the representation is collapsing. Probe an earlier checkpoint, lower the learning rate",
                figures.covarianceRank, initialRank, largestRank)
        }
        return nil
    }

    /// The sentence of the alarm for a target that died, or nil: the loss is small because there is nothing left to predict.
    package mutating func verdict(loss: Double, constant: Double) -> String? {
        largestConstant = max(largestConstant, constant)
        guard loss <= 0.05 * constant, constant < 0.5 * largestConstant else { return nil }
        return String(
            format:
                "trivial solution: the loss %.4f is small because the targets hardly differ any more (best constant "
                + "%.4f, once %.4f). Slow the teacher, lower the learning rate", loss, constant, largestConstant)
    }

    /// What a checkpoint holds.
    package var json: JSONValue {
        .object([
            ("initial_rank", initialRank.map { JSONValue($0) } ?? .null), ("largest_rank", JSONValue(largestRank)),
            ("constant_checks", JSONValue(constantChecks)),
            ("largest_constant", JSONValue(largestConstant)), ("pictures", JSONValue(pictures)),
        ])
    }

    /// What a checkpoint held.
    package init?(_ json: JSONValue) {
        guard let rank = json["largest_rank"]?.double, let constant = json["constant_checks"]?.int,
            let largest = json["largest_constant"]?.double, (0...Int(Int32.max)).contains(constant)
        else { return nil }
        initialRank = json["initial_rank"]?.double
        largestRank = rank
        constantChecks = constant
        largestConstant = largest
        pictures = json["pictures"]?.int.map { max(0, $0) } ?? 0
    }
}
