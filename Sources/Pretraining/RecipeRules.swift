import ImageData
import ImageMasking
import PretrainingMethods
import RecipeSchema
import VisionTransformers

/// What no recipe may ask for, whatever the machine: beyond these sizes numbers of bytes would no longer be numbers.
enum RecipeLimits {
    /// Patches of a picture.
    static let patches = 1 << 20
    /// Numbers of a picture: pixels times channels.
    static let pictureNumbers = 1 << 28
    /// Parameters of an encoder.
    static let parameters = 1 << 36
}

extension Recipe {
    /// Faults between sections. A rule is tried where everything that it looks at was read: not where a fault in `known` spoils it.
    func faults(in json: JSONValue, besides known: [Problem] = []) -> [Problem] {
        var rules = Rules(recipe: self, json: json, known: known)
        rules.checkSizes()
        rules.checkPicture()
        rules.checkTraining()
        rules.checkPair()
        rules.checkModel()
        return rules.problems
    }
}

/// The rules between sections, and what they found.
private struct Rules {
    let recipe: Recipe
    let json: JSONValue
    let known: [Problem]
    var problems: [Problem] = []
    /// The grid of the pictures; nil where it is not known.
    private var grid: PatchGrid?

    init(recipe: Recipe, json: JSONValue, known: [Problem]) {
        self.recipe = recipe
        self.json = json
        self.known = known
    }

    private mutating func fault(_ path: String, _ message: String) {
        problems.append(.between(line: json.line(of: path), path: "$.\(path)", message: message))
    }

    /// True where the values at all these key paths were read.
    private func isRead(_ paths: String...) -> Bool {
        paths.allSatisfy { path in !known.contains { $0.spoils("$.\(path)") } }
    }

    /// The keys of a section that were not read.
    private func spoilt(in section: String) -> [Substring] {
        known.compactMap { $0.spoilt }.filter { $0.hasPrefix("$.\(section).") }.map { $0.dropFirst(section.count + 3) }
    }

    /// The grid of the pictures, its limits, and what strategy and method have against it.
    mutating func checkSizes() {
        let (data, model) = (recipe.data, recipe.model)
        let (height, width, patch) = (data.imageSize.height, data.imageSize.width, model.patchSize)
        if isRead("data.image_size", "model.patch_size") {
            let count = (height / patch) * (width / patch)
            if height % patch != 0 || width % patch != 0 {
                fault(
                    "data.image_size",
                    "\(height) x \(width) is not a multiple of model.patch_size \(patch) in both directions")
            } else if count > RecipeLimits.patches {
                fault(
                    "data.image_size",
                    "\(height) x \(width) in patches of \(patch) are \(count) patches, allowed are up to "
                        + "\(RecipeLimits.patches); raise model.patch_size or lower data.image_size")
            } else {
                grid = recipe.grid
            }
        }
        let numbers = height * width * model.channels
        if isRead("data.image_size", "model.channels"), numbers > RecipeLimits.pictureNumbers {
            fault(
                "data.image_size",
                "\(height) x \(width) with model.channels \(model.channels) are \(numbers) numbers a picture, allowed are "
                    + "up to \(RecipeLimits.pictureNumbers)")
        }
        if let grid, isRead("mask") { checkMask(on: grid) }
        guard isRead("method") else { return }
        for reason in methodFaults() { fault("method", reason) }
    }

    /// What the strategy has against the grid of its squares, and what they have against the picture.
    ///
    /// A pair that does not go together, and a unit or a part that nobody takes, are told by `checkPair` alone.
    private mutating func checkMask(on grid: PatchGrid) {
        let strategy = type(of: recipe.mask)
        guard [.patches, .blocks].contains(strategy.kind), takes(strategy) else { return }
        guard let units = recipe.maskGrid else {
            let size = recipe.data.imageSize
            fault(
                "mask.unit",
                "squares of \(recipe.masking.unit ?? 0) pixels do not tile pictures of \(size.height) x \(size.width) in patches of "
                    + "\(recipe.model.patchSize): the unit must be a multiple of the patch and divide both sides")
            return
        }
        let what = units == grid ? "patches" : "squares of mask.unit \(recipe.masking.unit ?? 0)"
        let faults = recipe.mask.faults(on: units)
        for reason in faults { fault("mask", "\(reason) (the grid has \(units) \(what))") }
        guard faults.isEmpty else { return }
        if recipe.mask.hiddenShare(on: units) == 0, isRead("method"), !recipe.method.needs.mayHideNothing {
            fault(
                "mask.ratio",
                "0 hides nothing, and method \"\(type(of: recipe.method).name)\" learns from what is hidden; raise it")
            return
        }
        guard isRead("method.name"), recipe.method.needs.predictsPart else { return }
        guard let predicted = recipe.masking.predictedRatio else {
            if let reason = recipe.mask.predictedFault(on: units) {
                fault("mask", "\(reason) (the grid has \(units) \(what))")
            }
            return
        }
        guard let hidden = recipe.mask.hiddenShare(on: units) else {
            let reason =
                recipe.mask.predictedPart == nil
                ? "gives hidden patches no order by which a part of them could be chosen; set it to null, which predicts all of them"
                : "chooses what is predicted by mask.predict_share; set it to null"
            fault("mask.predicted_ratio", "mask strategy \"\(strategy.name)\" \(reason)")
            return
        }
        let share = PredictedShare(of: units.count, hidden: hidden, predicted: predicted)
        if predicted > hidden {
            fault(
                "mask.predicted_ratio",
                "\(predicted) of all patches is more than the \(hidden) that are hidden; lower it")
        } else if share.predicted < 1 {
            fault("mask.predicted_ratio", "\(predicted) of \(units.count) \(what) is not one; raise it")
        }
    }

    /// What the method has against encoder and grid. Where there is no grid, what it would have against any.
    private func methodFaults() -> [String] {
        func on(_ grid: PatchGrid) -> [String] {
            RecipeSchema.faults(
                recipe.method.faults(encoder: recipe.model, grid: grid), besides: spoilt(in: "model"))
        }
        if let grid { return on(grid) }
        let others = on(PatchGrid(rows: 12, columns: 12))
        return on(PatchGrid(rows: 10, columns: 14)).filter(others.contains)
    }

    /// What methods ask of pictures.
    mutating func checkPicture() {
        let (data, method) = (recipe.data, recipe.method)
        let needs = method.needs
        if isRead("method") {
            if isRead("data.crop_scale"), data.cropScale != nil, let reason = needs.wholePictures {
                fault("data.crop_scale", "\(reason); set data.crop_scale to null")
            }
            // What a file holds of a picture is of one place; views can be those of a tile.
            if isRead("data.tiles"), data.tiles?.placement == .random, needs.views == nil,
                let reason = needs.wholePictures
            {
                fault(
                    "data.tiles",
                    "\(reason), and random tiles show other places in each epoch; set placement to \"grid\"")
            }
            if needs.views != nil {
                let reason =
                    "says how crops are made, and method \"\(type(of: method).name)\" makes views; leave it out"
                if data.interpolation != .bicubic { fault("data.interpolation", reason) }
                if data.scaledDecoding { fault("data.scaled_decoding", reason) }
            }
        }
        for (key, values) in [("mean", data.mean), ("std", data.deviation)] {
            guard let values, isRead("data.\(key)", "model.channels") else { continue }
            // One number stands for all channels.
            if values.count != recipe.model.channels && values.count != 1 {
                fault("data.\(key)", "\(values.count) numbers for model.channels \(recipe.model.channels)")
            }
        }
    }

    /// What methods ask of training.
    mutating func checkTraining() {
        if isRead("method", "train.accumulate"), recipe.train.accumulate > 1,
            let reason = recipe.method.needs.wholeBatches
        {
            fault("train.accumulate", "\(reason), so accumulating changes the result; set accumulate to 1")
        }
        checkRegularizer()
        if isRead("method", "train.batch_size"), let reason = recipe.method.fault(batchSize: recipe.train.batchSize) {
            fault("method", reason)
        }
        if isRead("method", "train.batch_size"), recipe.train.batchSize < 2,
            !problems.contains(where: { $0.path == "$.train.batch_size" }),
            let reason = recipe.method.needs.pairedBatches
        {
            fault("train.batch_size", "\(reason), so one picture is too few; set batch_size to 2 or more")
        }
    }

    /// Whether the method has features to regularise, and a machine room for the directions.
    private mutating func checkRegularizer() {
        let regularizer = recipe.regularizer
        guard isRead("regularizer.name", "method.name"), let name = regularizer.name else { return }
        let method = type(of: recipe.method).name
        if !recipe.method.needs.providesPatchTokens {
            let methods = pretrainingMethods.filter { $0.init().needs.providesPatchTokens }.map { "\"\($0.name)\"" }
            fault(
                "regularizer.name",
                "\"\(name.rawValue)\" keeps features from collapsing, which those of method \"\(method)\" either cannot do "
                    + "or are kept from already; it is for \(methods.joined(separator: ", "))")
        }
        if isRead("train.batch_size"), regularizer.features == .pooled, recipe.train.batchSize < 2 {
            fault(
                "train.batch_size",
                "the regularizer looks at the distribution of features over the pictures of a batch, so one picture is too few; "
                    + "set batch_size to 2 or more")
        }
        guard isRead("regularizer", "model.width", "train.batch_size"), let grid else { return }
        let (width, size) = (recipe.model.width, recipe.train.batchSize)
        if let reason = regularizer.fault(batchSize: size, tokens: grid.count, width: width) {
            fault("regularizer", reason)
        }
    }

    /// Whether the method can use the strategy.
    mutating func checkPair() {
        guard isRead("mask.strategy", "method.name") else { return }
        let (method, strategy) = (type(of: recipe.method), type(of: recipe.mask))
        let needs = recipe.method.needs
        let accepted = acceptedPlans
        if !takes(strategy) {
            let right = maskingStrategies.filter { strategy in
                accepted.contains(strategy.kind) && (needs.providesImportance || !strategy.needsImportance)
            }.map { "\"\($0.name)\"" }
            fault(
                "mask.strategy",
                "method \"\(method.name)\" cannot use \"\(strategy.name)\"; it takes \(right.joined(separator: ", "))")
        }
        checkImportance(strategy, method, needs)
        if recipe.masking.predictedRatio != nil && !needs.predictsPart {
            fault("mask.predicted_ratio", "method \"\(method.name)\" predicts all hidden patches; remove it")
        }
        if recipe.train.predictionScale != nil && !needs.predictsPart {
            fault("train.prediction_scale", "method \"\(method.name)\" predicts all hidden patches; remove it")
        }
        if recipe.masking.seed != nil, strategy.kind == .nothing {
            fault("mask.seed", "mask strategy \"\(strategy.name)\" draws nothing; remove it")
        }
        if recipe.masking.unit != nil, ![.patches, .blocks].contains(strategy.kind) {
            fault("mask.unit", "mask strategy \"\(strategy.name)\" hides no patches; remove it")
        }
        if isRead("model.relative_position_bias"), recipe.model.relativePositionBias != .none,
            !needs.takesRelativeBias(under: [strategy.kind])
        {
            fault(
                "model.relative_position_bias",
                "\"\(recipe.model.relativePositionBias.rawValue)\" is a term for pairs of all patches; mask strategy "
                    + "\"\(strategy.name)\" hides some of them, so set it to \"none\"")
        }
    }

    /// The kinds of plan that the method takes, as far as its options are known.
    private var acceptedPlans: Set<MaskPlan.Kind> {
        isRead("method") ? recipe.method.needs.masks : type(of: recipe.method).masks
    }

    /// Whether the method takes what a strategy makes, as far as both are known.
    private func takes(_ strategy: any MaskingStrategy.Type) -> Bool {
        !isRead("mask.strategy", "method.name") || acceptedPlans.contains(strategy.kind)
    }

    /// Whether somebody knows how much a patch matters, where the strategy asks.
    private mutating func checkImportance(
        _ strategy: any MaskingStrategy.Type, _ method: any PretrainingOptions.Type, _ needs: MethodNeeds
    ) {
        guard isRead("mask.teacher") else { return }
        let teacher = recipe.masking.teacher
        if strategy.needsImportance && teacher == nil && !needs.providesImportance {
            let methods = pretrainingMethods.filter { $0.init().needs.providesImportance }.map { "\"\($0.name)\"" }
            fault(
                "mask.strategy",
                "\"\(strategy.name)\" needs the importance of each patch, which method \"\(method.name)\" does not "
                    + "know; name a frozen encoder that does as mask.teacher.path, or take a method that does: "
                    + methods.joined(separator: ", "))
        }
        guard let teacher else { return }
        if !strategy.needsImportance {
            fault("mask.teacher", "mask strategy \"\(strategy.name)\" does not ask how much a patch matters; remove it")
        } else if teacher.path.isEmpty {
            fault("mask.teacher.path", "is empty; name a run folder, a checkpoint or a safetensors file")
        }
    }

    /// What the encoder's numbers come to together.
    mutating func checkModel() {
        let model = recipe.model
        // Rotary positions ask for more of each head, and have said so.
        if isRead("method.name", "model.width", "model.heads"), recipe.method.needs.sharesWidthEvenly,
            model.position != .rope, model.heads <= model.width, let reason = model.headsFault
        {
            fault("model", reason)
        }
        if isRead("method", "model.position"),
            let reason = recipe.method.needs.positionFault(of: model, in: type(of: recipe.method).name)
        {
            fault("model.position", reason)
        }
        guard let grid, isRead("model") else { return }
        if let reason = model.sizeFault(on: grid, limit: RecipeLimits.parameters) { fault("model", reason) }
    }
}

extension JSONValue {
    /// The line of the value at a dotted path, or of the nearest object around it that is there.
    fileprivate func line(of path: String) -> Int {
        var value = self
        for name in path.split(separator: ".") {
            guard let inner = value[String(name)] else { break }
            value = inner
        }
        return value.line
    }
}
