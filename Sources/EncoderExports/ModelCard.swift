import Foundation
public import RecipeSchema

/// The README of an export: what the weights are, how they came about, how they are loaded. Nothing in it that is not in the run.
public struct ModelCard: Sendable {
    /// What the model is called.
    public var name: String
    /// The method, in a recipe's word; nil for weights of another program.
    public var method: String?
    /// What is known of the training pictures, a sentence each.
    public var data: [String] = []
    /// Terms of the training pictures; nil where nothing says them.
    public var dataLicence: String?
    /// Terms of weights that training began with; nil where it began with none, or nothing says them.
    public var weightsLicence: String?
    /// The recipe, resolved.
    public var recipe: JSONValue?
    /// Rows of `probes.json`; nil where it cannot be read.
    public var probes: [JSONValue]? = []
    /// How to load it.
    public var call = ""
    /// Digests of the files, by name.
    public var digests: [(name: String, sha256: String)] = []
    /// What a user of the features has to know.
    public var limits: [String] = []
    /// The library that loads it: `timm`, `transformers`, `onnx`.
    public var library: String

    /// A card for a library.
    public init(name: String, method: String?, library: String) {
        self.name = name
        self.method = method
        self.library = library
    }

    /// Identifiers of licences that model hubs know.
    private static let identifiers = [
        "apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0",
        "cc-by-nc-sa-4.0",
    ]

    /// The identifier of the licence: ours to give, unless the weights began as somebody's. Of weights from elsewhere whose terms
    /// nothing states, none is given.
    private var licence: String {
        guard let weightsLicence else { return method == nil ? "other" : "apache-2.0" }
        let plain = weightsLicence.lowercased().split(separator: " ").joined(separator: "-")
        if Self.identifiers.contains(plain) { return plain }
        let forbidsTrade = ["by-nc", "noncommercial", "non-commercial"].contains { plain.contains($0) }
        return forbidsTrade ? "cc-by-nc-4.0" : "other"
    }

    /// The text of `README.md`.
    public var markdown: String {
        var text = """
            ---
            license: \(licence)
            library_name: \(library)
            pipeline_tag: image-feature-extraction
            tags:
            - self-supervised
            - \(method ?? "vision-transformer")
            ---

            # \(name)

            \(origin)

            ## Loading

            ```python
            \(call)
            ```


            """
        text += section("Pictures", data.map { "- \($0)" })
        var terms = [
            "- Weights: \(licence)" + (weightsLicence.map { " (they began as weights under: \($0))" } ?? "")
        ]
        terms.append(
            "- Training pictures: \(dataLicence ?? "no terms are known to the run; look at where they come from")")
        text += section("Terms", terms)
        text += section("What the features are worth", probeLines)
        text += section("Limits", limits.map { "- \($0)" })
        if let recipe { text += section("Recipe", ["```json", recipe.text(pretty: true), "```"]) }
        text += section("Files", digests.map { "- `\($0.name)`: sha256 `\($0.sha256)`" })
        return text
    }

    private var origin: String {
        guard let method else { return "A vision transformer of another program, read and written by Palimpsest." }
        return "A vision transformer, pretrained without labels by the method `\(method)` of Palimpsest."
    }

    private func section(_ title: String, _ lines: [String]) -> String {
        lines.isEmpty ? "" : "## \(title)\n\n\(lines.joined(separator: "\n"))\n\n"
    }

    /// A table of the probes' rows: one a protocol, kind of features and data.
    private var probeLines: [String] {
        guard let probes else {
            return ["The run's `probes.json` cannot be read, so what was measured is missing here."]
        }
        guard !probes.isEmpty else { return ["Not measured: the run has no `probes.json`."] }
        let rows = probes.map { row -> String in
            func percent(_ value: JSONValue?) -> String {
                guard let value = value?.double else { return "" }
                return String(format: "%.1f", (value * 1000).rounded() / 10)
            }
            let interval = row["interval"]?.array ?? []
            let range = interval.count == 2 ? "\(percent(interval[0])) to \(percent(interval[1]))" : ""
            let shots = row["chosen"]?["shots"].map { ", \($0.text()) a class" } ?? ""
            let regions = row["mean_iou"] == nil ? "" : ", mean IoU"
            return "| \(row["protocol"]?.string ?? "")\(shots)\(regions) | \(row["features"]?.string ?? "") | "
                + "\(percent(row["accuracy"] ?? row["mean_iou"])) | \(range) |"
        }
        return ["| protocol | features | accuracy, % | interval, % |", "| --- | --- | --- | --- |"] + rows
    }
}
