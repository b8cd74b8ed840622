#if Commands
import ArgumentParser
import Autodiff
import Checkpoints
import Foundation
import ImageData
import ImageMasking
import Pretraining
import RecipeSchema
import Reporting

/// `pretrain masks`: what a recipe hides.
struct MasksCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "masks", abstract: "Draw a recipe's masks, and say how often each cell is hidden.",
        discussion: """
            Example: pretrain masks --recipe colormae.json --stats --out masks.png
            Masks are those of the first images in the first epoch, in batches of the recipe's size. Where a teacher's \
            attention decides, the images of the training part are read and shown to it. In the picture visible \
            cells are light, hidden ones dark, targets in colour.
            """)

    @Option(help: "The recipe: a path, or the name of one in ./recipes or shipped with the program.")
    var recipe: String

    @Option(name: .customLong("set"), help: "Change a value of the recipe: KEY=VALUE, such as mask.ratio=0.6.")
    var changes: [String] = []

    @Option(help: "Other images, where masks depend on them: as in `train`.")
    var data: String?

    @Flag(help: "Print statistics: share of each cell, block sizes, components, adjacent pairs.")
    var stats = false

    @Flag(help: "The statistics as one JSON object on standard output.")
    var json = false

    @Option(help: "How many images to make masks for. (default: 64, with --stats or --json 4096)")
    var count: Int?

    @Option(
        help: "The picture, a PNG file of at most 64 images. (default: masks.png where no statistics are asked for)")
    var out: String?

    @Option(help: .hidden)
    var output: String?

    @Flag(help: "Replace a file that is no picture of ours.")
    var overwrite = false

    func validate() throws {
        if let count, !(1...1_000_000).contains(count) {
            throw ValidationError("--count is \(count), allowed are 1 to 1000000")
        }
    }

    func run() throws {
        let place = try RecipeLibrary.find(recipe)
        var recipe = try RecipeLibrary.read(place, set: changes)
        if let data { recipe.data.source = try SourceArgument.parse(data, keeping: recipe.data.source) }
        let counts = stats || json
        let path = out ?? output ?? (counts ? nil : "masks.png")
        if let path { try requireSuffix("png", of: path, "the picture is written as PNG") }
        let file = try path.map { try OutputFile($0, .png, replacing: overwrite) }
        try file?.requireApart(from: recipe.encoded.pathsRead)
        var statistics = MaskStatistics(grid: recipe.grid)
        var pictures: [ContactSheet.Picture] = []
        let size = recipe.data.imageSize
        try forEachPlan(of: recipe, RunFolder(ofRecipe: place), images: count ?? (counts ? 4096 : 64)) { plan in
            statistics.add(plan)
            if pictures.count < 64 { pictures += plan.pictures(height: size.height, width: size.width) }
        }
        guard statistics.maskCount > 0 || !pictures.isEmpty else {
            throw RunError(
                .usage, "mask strategy \"\(type(of: recipe.mask).name)\" hides nothing, so there is nothing to show")
        }
        try file?.write(ContactSheet(masks: Array(pictures.prefix(64))).png())
        if json {
            try Console.show(row(statistics, recipe, path).text())
        } else {
            if stats { try Console.show(text(statistics, recipe)) }
            if let path { try Console.show(path) }
        }
    }

    /// Hands on the plans of the first images, batch by batch; images are read only where plans depend on them.
    private func forEachPlan(
        of recipe: Recipe, _ run: RunFolder?, images: Int, _ use: (MaskPlan) -> Void
    ) throws {
        let size = min(recipe.train.batchSize, images)
        // Only a teacher that looks at images needs to know how they are normalised.
        let follows = type(of: recipe.mask).needsImportance
        var preview = try MaskPreview(
            follows ? try DataAccess.resolved(recipe) : recipe, of: run, engine: try Machine.engine(threads: nil))
        guard follows else {
            for (step, start) in stride(from: 0, to: images, by: size).enumerated() {
                use(try preview.plan(step: step, samples: Array(start..<min(start + size, images))))
            }
            return
        }
        let source = try DataAccess.source(recipe.data, .train)
        let loader = EvaluationLoader(
            source: source, transform: try DataAccess.evaluationTransform(recipe), batchSize: size, threads: 1,
            requiresLabels: false)
        var (step, first) = (0, 0)
        while first < images, let batch = try loader.next() {
            let count = min(batch.shape[0], images - first)
            let shown = Tensor(batch.images, Shape(batch.shape)).entries(0..<count)
            use(try preview.plan(step: step, samples: Array(first..<first + count), images: shown))
            (step, first) = (step + 1, first + count)
        }
    }

    private func row(_ statistics: MaskStatistics, _ recipe: Recipe, _ path: String?) -> JSONValue {
        var members: [(String, JSONValue)] = [
            ("recipe", JSONValue(recipe.name)), ("strategy", JSONValue(type(of: recipe.mask).name)),
        ]
        members += (statistics.row.members ?? []).map { ($0.name, $0.value) }
        members.append(("picture", path.map { JSONValue($0) } ?? .null))
        return .object(members)
    }

    private func frequencies(_ statistics: MaskStatistics, _ recipe: Recipe) -> String {
        let size = recipe.data.imageSize
        let all = size.height * size.width
        return statistics.filters.sorted { $0.key < $1.key }.reduce(
            "mask \"\(type(of: recipe.mask).name)\" on spectra of \(size.height)x\(size.width): "
                + "\(statistics.imageCount) images"
        ) { text, filter in
            let share = 100 * Double(filter.value) / Double(statistics.imageCount)
            return text + String(format: "\n%@ in %.1f %% of the images: ", "\(filter.key)", share)
                + "\(filter.key.kept(height: size.height, width: size.width)) of \(all) frequencies stay"
        }
    }

    private func text(_ statistics: MaskStatistics, _ recipe: Recipe) -> String {
        func number(_ value: Double) -> String { String(format: "%.2f", value) }
        func table(_ shares: [Double]) -> [String] {
            let columns = statistics.grid.columns
            return stride(from: 0, to: shares.count, by: columns).map { start in
                "  " + shares[start..<start + columns].map { String(format: "%3.0f", 100 * $0) }.joined(separator: " ")
            }
        }
        func sizes(_ blocks: [BlockSize: Int]) -> String {
            let batches = Double(max(1, blocks.values.reduce(0, +)))
            return blocks.sorted { $0.key < $1.key }
                .map { "\($0.key) in \(String(format: "%.1f", 100 * Double($0.value) / batches)) %" }
                .joined(separator: ", ")
        }
        guard let range = statistics.visibleCounts else {
            return frequencies(statistics, recipe)
        }
        let spread = range.count > 1 ? " (\(range.lowerBound) to \(range.upperBound))" : ""
        var lines = [
            "mask \"\(type(of: recipe.mask).name)\" on a grid of \(statistics.grid): \(statistics.maskCount) masks of "
                + "\(statistics.imageCount) images",
            "visible cells: \(number(statistics.meanVisible)) of \(statistics.grid.count)\(spread)",
            "of a mask's visible cells, on average: \(number(statistics.mean(statistics.adjacentPairs))) adjacent and "
                + "\(number(statistics.mean(statistics.diagonalPairs))) diagonal pairs; "
                + "\(number(statistics.mean(statistics.components))) components, the largest of "
                + "\(number(statistics.mean(statistics.largestComponent))) cells",
            "visible, % of the masks:",
        ]
        lines += table(statistics.visibleShares)
        if statistics.targetCount > 0 {
            lines += ["in a target, % of the images:"] + table(statistics.targetShares)
            lines.append("targets, % of the batches: \(sizes(statistics.targetBlocks))")
            lines.append("context blocks, % of the batches: \(sizes(statistics.contextBlocks))")
            lines.append("images that needed the last resort: \(statistics.fallbackCount)")
        }
        return lines.joined(separator: "\n")
    }
}
#endif
