extension TrainOptions {
    /// What the rate comes to, in words.
    public var rateWords: String {
        let images = "\(effectiveBatch) \(effectiveBatch == 1 ? "image" : "images") a step"
        if let learningRate { return "peak learning rate \(learningRate), as given, for \(images)" }
        let origin = baseLearningRate == nil ? "the default base rate" : "base rate"
        return
            "peak learning rate \(peakLearningRate): \(origin) \(baseLearningRate ?? Self.usualBaseRate) for 256 images, "
            + images
    }
}
