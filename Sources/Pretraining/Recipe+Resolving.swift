public import ImageData
import VisionTransformers

extension Recipe {
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
        if valueRange == .measured || valueRange == nil { valueRange = earlier.valueRange }
    }
}
