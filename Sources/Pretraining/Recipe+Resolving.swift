public import ImageData
public import RecipeSchema
import VisionTransformers

extension Recipe {
    /// Every fault of a recipe that was made or changed in code, as reading it from a file would tell them; empty for a good one.
    public var faults: [Problem] {
        do {
            _ = try Recipe.parse(Array(encoded.text().utf8))
            return []
        } catch {
            return (error as? Problems)?.list ?? [Problem(line: 0, path: "$", message: "\(error)")]
        }
    }

    /// The recipe with every value written out that it leaves to defaults elsewhere: the learning rate, and mean and deviation of
    /// the data, which a card may know.
    public func resolved(cards: DatasetCards) throws(ImageError) -> Recipe {
        var resolved = self
        let constants = try data.normalization(channels: model.channels, cards: cards)
        resolved.data.mean = constants.mean
        resolved.data.deviation = constants.deviation
        resolved.train = train.withRate
        return resolved
    }
}
