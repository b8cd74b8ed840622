package import Autodiff
package import ImageData
package import RecipeSchema
import VisionTransformers

/// A recipe for somebody's pictures, this machine and some hours, with the reason of each choice.
package struct RunPlan: Sendable {
    /// What a choice rests on.
    package enum Origin: String, Sendable {
        /// The pictures were looked at.
        case pictures
        /// Real steps were timed on this machine.
        case measured
        /// A rule of thumb: docs/plan.md says what is behind it.
        case rule
        /// The caller, or a file of weights, wants it so.
        case asked
    }

    /// One thing that was decided.
    package struct Choice: Sendable {
        /// What: the rows of the recipe.
        package var what: String
        /// What it became.
        package var value: String
        /// Why.
        package var reason: String
        /// What the reason rests on.
        package var origin: Origin
    }

    /// The recipe as a file: what was chosen, everything else as the method's shipped recipe has it.
    package let recipe: JSONValue
    /// What was chosen, and why.
    package let choices: [Choice]
    /// What was seen of the pictures, a sentence each.
    package let findings: [String]
    /// Seconds that training will take.
    package let seconds: Double
    /// Bytes of memory that the steps took here.
    package let memory: Int
    /// Bytes that the run will take on the disk.
    package let disk: Int
    /// What such a budget has given elsewhere.
    package let expectation: String
}

/// What a plan is asked for.
package struct PlanRequest {
    /// The pictures.
    package var source: any SourceOptions
    /// Hours that training may take.
    package var hours: Double
    /// The method's name.
    package var method = "mae"
    /// The recipe's name.
    package var name = "plan"
    /// Weights to begin with.
    package var weights: String?
    /// Values of the recipe that the caller has chosen, as `--set` writes them: KEY=VALUE.
    package var changes: [String] = []
    /// Threads that prepare pictures, as training will have.
    package var loaderThreads = 2

    /// A request for pictures and hours.
    package init(source: any SourceOptions, hours: Double) {
        self.source = source
        self.hours = hours
    }

    /// The hours that can be asked for: a minute to a year.
    package static let hoursRange = 1.0 / 60...8760.0

    /// Pictures that are looked at, at most: they are taken evenly.
    static let mostLookedAt = 2048
    /// Seconds that all candidates together are timed for: a fiftieth of the time, at most.
    private var secondsOfTiming: Double { min(36, hours * 72) }

    /// The files and folders that the plan reads.
    package func pathsRead() throws -> [String] {
        try PlanDraft(self).recipe().encoded.pathsRead + [weights].compactMap { $0 }
    }

    /// Looks at the pictures, times candidates and chooses.
    ///
    /// Throws where the pictures cannot be used, where no recipe of the method is shipped, or where the weights cannot be read.
    package func plan(cards: DatasetCards, on engine: Engine, log: RunLog) throws -> RunPlan {
        guard Self.hoursRange.contains(hours) else {
            throw RunError(.usage, "\(hours) hours; allowed is from a minute (0.0167) to a year (8760)")
        }
        let weights = try weights.map { try EvaluatedEncoder(path: $0) }
        var draft = try PlanDraft(self)
        let pictures = try draft.recipe().data.open(.train, cards: cards)
        log.info("looking at \(min(pictures.count, Self.mostLookedAt)) of \(pictures.count) pictures")
        let survey = SourceSummary(of: pictures, threads: max(1, engine.threads), most: Self.mostLookedAt)
        try draft.choosePictures(survey, of: pictures)
        try draft.chooseSize(survey, weights)
        try draft.chooseOptimisation(pictures: pictures.count, continues: weights != nil)
        let constants = try draft.recipe().resolved(source: pictures, cards: cards)
        try draft.keepConstants(constants.recipe.data, notes: constants.notes + constants.warnings)
        if let path = self.weights { try draft.recipe().requireFitting(path) }
        let isOpen = weights == nil && !["model.width", "model.depth", "model.heads"].contains(where: draft.isFixed)
        let candidates = isOpen ? PlanRules.encoders.map(Optional.some) : [nil]
        var timings: [PlanTiming] = []
        for candidate in candidates {
            if let candidate { try draft.set(candidate) }
            let recipe = try draft.recipe()
            let timing = try PlanTiming(
                recipe, source: pictures, loaderThreads: loaderThreads, engine: engine,
                seconds: secondsOfTiming / Double(candidates.count))
            log.info(
                "timed \(recipe.model.width) wide, \(recipe.model.depth) blocks: "
                    + "\(Int(Double(recipe.train.effectiveBatch) / timing.stepSeconds)) pictures a second")
            timings.append(timing)
        }
        return try draft.finish(timings, pictures: pictures.count)
    }
}
