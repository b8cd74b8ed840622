extension Recipe {
    /// The key that says the rate, with what it came to in a step.
    func words(ofRate rate: Double) -> String {
        train.learningRate == nil
            ? "train.base_learning_rate (the rate is now \(rate))" : "train.learning_rate (now \(rate))"
    }

    /// What the rate comes to, in words.
    public var rateWords: String {
        let images = "\(train.effectiveBatch) \(train.effectiveBatch == 1 ? "image" : "images") a step"
        if let rate = train.learningRate { return "peak learning rate \(rate), as given, for \(images)" }
        let origin = train.baseLearningRate == nil ? "the default base rate" : "base rate"
        let part = predictionFactor == 1 ? "" : ", times \(predictionFactor) for the part that is predicted"
        return
            "peak learning rate \(peakLearningRate): \(origin) \(train.baseLearningRate ?? TrainOptions.usualBaseRate) for 256 "
            + "images\(part), \(images)"
    }
}
