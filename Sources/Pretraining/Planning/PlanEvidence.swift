import Foundation

/// What budgets have given: measured runs, so that a plan can say what to expect of one.
enum PlanEvidence {
    /// A run of a shipped recipe.
    private struct Run {
        /// Operations of all steps; a multiply-add counts two.
        var operations: Double
        var recipe: String
        /// Accuracies in percent by logistic regression on standardised features.
        var pretrained: Double
        var untrained: Double
    }

    /// From small to large; the commands stand in README.md and docs/plan.md.
    private static let runs = [
        Run(
            operations: 3.7e13, recipe: "two epochs of cifar10/mae.json in batches of 64", pretrained: 55.5,
            untrained: 45.2),
        Run(operations: 1.87e14, recipe: "cifar10/mae.json", pretrained: 56.7, untrained: 45.2),
    ]

    /// The measured run that comes nearest to a number of operations, in a sentence.
    static func expectation(operations: Double) -> String {
        func distance(_ run: Run) -> Double { abs(log(run.operations / operations)) }
        guard let nearest = runs.min(by: { distance($0) < distance($1) }) else { return "" }
        return String(
            format:
                "%.2g operations; for scale, %@ took %.2g: %.1f %% by logistic regression on CIFAR-10, %.1f %% without "
                + "pretraining", operations, nearest.recipe, nearest.operations, nearest.pretrained, nearest.untrained)
    }
}
