import Foundation
import RecipeSchema

/// Whether pretraining helps, by scores of the same shares of the labels with it and without.
public struct FineTuneAnswer {
    /// The sentence.
    public let sentence: String

    /// Compares scores, one a share, that were made alike.
    ///
    /// A share is won where the means differ by more than both kinds of doubt together: half the intervals for the drawing of the
    /// test pictures, and twice the standard error over the draws of the training pictures.
    public init(_ pretrained: [ProbeScore], _ scratch: [ProbeScore], shares: [Double]) {
        var (won, lost, open): ([String], [String], [String]) = ([], [], [])
        for ((own, other), share) in zip(zip(pretrained, scratch), shares) {
            let difference = own.accuracy - other.accuracy
            let sampling =
                ([own, other].reduce(0) { sum, score in
                    let half = (score.interval.upperBound - score.interval.lowerBound) / 2
                    return sum + half * half
                }).squareRoot()
            let draws = Double(max(1, (own.chosen["accuracies"]?.array ?? []).count))
            let drawing =
                2 * (([own, other].reduce(0) { $0 + ($1.spread ?? 0) * ($1.spread ?? 0) }) / draws).squareRoot()
            let doubt = (sampling * sampling + drawing * drawing).squareRoot()
            let text = String(
                format: "with %g %% of the labels %+.1f points (doubt ± %.1f)", 100 * share, 100 * difference,
                100 * doubt)
            if difference > doubt {
                won.append(text)
            } else if difference < -doubt {
                lost.append(text)
            } else {
                open.append(text)
            }
        }
        var parts: [String] = []
        if !won.isEmpty { parts.append("it helps " + won.joined(separator: ", ")) }
        if !lost.isEmpty { parts.append("it harms " + lost.joined(separator: ", ")) }
        if !open.isEmpty { parts.append("nothing is shown " + open.joined(separator: ", ")) }
        let verdict =
            won.count == shares.count
            ? "Yes" : won.isEmpty && lost.isEmpty ? "Not shown" : won.isEmpty ? "No" : "In part"
        sentence = "Does pretraining help on these pictures? \(verdict): \(parts.joined(separator: "; "))."
    }
}
