public import ImageData
public import RecipeSchema
import VisionTransformers

extension Recipe {
    /// Every fault of a recipe that was made or changed in code, as reading it from a file would tell them; empty for a good one.
    public var faults: [Problem] {
        do {
            _ = try checked()
            return []
        } catch {
            return (error as? Problems)?.list ?? [Problem(line: 0, path: "$", message: "\(error)")]
        }
    }

    /// The recipe, if it is without faults; all of them otherwise (`Problems`).
    func checked() throws -> Recipe { try Recipe.parse(Array(encoded.text().utf8)) }

    /// The recipe with every value that the data and defaults decide written out, and what is to be said of it: notes and warnings,
    /// a sentence each. `source` is the training part.
    public func resolved(
        source: any ImageSource, cards: DatasetCards
    ) throws(ImageError) -> (recipe: Recipe, notes: [String], warnings: [String]) {
        var resolved = self
        let data = try data.resolved(cards: cards, source: source, channels: model.channels)
        resolved.data = data.options
        resolved.train = train.resolved
        return (resolved, data.notes, data.warnings)
    }
}

extension DataOptions {
    /// Takes mean, deviation and range from options that were resolved before, where these leave them open.
    public mutating func keepMeasured(of earlier: DataOptions) {
        if mean == nil && deviation == nil {
            mean = earlier.mean
            deviation = earlier.deviation
        }
        if valueRange == .measured, earlier.valueRange != nil { valueRange = earlier.valueRange }
    }
}
