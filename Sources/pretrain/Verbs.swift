#if Commands
import ArgumentParser
import Pretraining
import RecipeSchema

/// What is said of a first word that is no verb: the argument parser would take it for an argument of `train`.
enum Verbs {
    private static let known = Pretrain.configuration.subcommands.compactMap { $0.configuration.commandName }

    /// What other programs call our verbs.
    private static let others = [
        "pretrain": "train", "fit": "train", "run": "train", "start": "train", "continue": "resume",
        "evaluate": "probe", "eval": "probe", "test": "probe", "knn": "probe", "linear": "probe", "linprobe": "probe",
        "validate": "verify", "golden": "verify", "embed": "features", "encode": "features", "extract": "features",
        "predict": "features", "show": "view", "visualize": "view", "visualise": "view", "reconstruct": "view",
        "plot": "view", "fine-tune": "finetune", "tune": "finetune", "mask": "masks", "recipe": "recipes",
        "schema": "recipes schema", "check": "recipes check",
        "list": "recipes list", "inspect": "data inspect", "dataset": "data", "info": "doctor", "neighbours": "explore",
        "neighbors": "explore", "duplicates": "explore", "cluster": "explore",
        "clusters": "explore", "map": "atlas", "tsne": "atlas", "t-sne": "atlas", "umap": "atlas", "projector": "atlas",
        "anomaly": "anomalies", "outliers": "anomalies", "version": "--version",
    ]

    /// Throws for a first word that is neither a verb nor an option.
    static func requireKnown(_ arguments: [String]) throws(RunError) {
        // Help on a verb that does not exist would be help on the whole.
        let asked = arguments.first == "help" ? Array(arguments.dropFirst()) : arguments
        guard let word = asked.first, !word.hasPrefix("-"), word != "help", !known.contains(word) else { return }
        if word.hasSuffix(".json") {
            throw RunError(.usage, "\(word.shown) is no verb; to train by a recipe: pretrain --recipe \(word.shown)")
        }
        let meant = others[word.lowercased()] ?? nearest(to: word, among: known)
        let hint =
            meant.map { "did you mean `pretrain \($0)`?" } ?? "the verbs are \(known.joined(separator: ", "))"
        throw RunError(.usage, "there is no verb `\(word.shown(limit: 60))`; \(hint)")
    }
}
#endif
