extension TrainOptions {
    /// The rate where a recipe gives none: MAE's, for 256 images of effective batch.
    static let standardBaseRate = 1.5e-4

    /// The options with the rate written out that holds where a recipe gives none.
    public var withRate: TrainOptions {
        var options = self
        if learningRate == nil && baseLearningRate == nil { options.baseLearningRate = Self.standardBaseRate }
        return options
    }

    /// What the rate comes to, in words.
    public var rateWords: String {
        let images = "\(effectiveBatch) \(effectiveBatch == 1 ? "image" : "images") a step"
        if let learningRate { return "peak learning rate \(learningRate), as given, for \(images)" }
        let origin = baseLearningRate == nil ? "the default base rate" : "base rate"
        return
            "peak learning rate \(peakLearningRate): \(origin) \(baseLearningRate ?? Self.standardBaseRate) for 256 images, "
            + images
    }
}
