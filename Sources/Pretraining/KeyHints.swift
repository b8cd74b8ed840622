import ImageData
import RecipeSchema

/// What was probably meant by a key that is unknown where it stands: the same key of another section, or the word of another
/// program.
struct KeyHints {
    /// Key paths without `$.` of the sections and of the recipe's own strategy, method and source.
    private let paths: [String]

    init(for recipe: Recipe) {
        let chosen = [
            "mask": type(of: recipe.mask).name, "method": type(of: recipe.method).name,
            "data.source": type(of: recipe.data.source).name,
            "train.optimizer": type(of: recipe.train.optimizer).name,
            "train.schedule": type(of: recipe.train.schedule).name,
        ]
        paths = Recipe.descriptions.flatMap { row in
            row.keyPaths(chosen: { path, choice in chosen[path] == choice })
        }
    }

    /// The faults, those of unknown keys with better guesses; after a hundred of them nobody reads on.
    static func improved(_ problems: [Problem], of recipe: Recipe) -> [Problem] {
        guard problems.contains(where: { $0.unknownKey != nil }) else { return problems }
        let hints = KeyHints(for: recipe)
        return problems.enumerated().map { $0 < 100 ? hints.improved($1) : $1 }
    }

    /// The fault with a better guess, where there is one.
    private func improved(_ problem: Problem) -> Problem {
        guard let key = problem.unknownKey else { return problem }
        // A near key of the same section has been named already.
        let hasGuess = problem.message.contains("did you mean")
        guard let meant = meant(by: key) ?? (hasGuess ? nil : near(key)) else { return problem }
        var problem = problem
        let list = meant.map { "\"\($0)\"" }.joined(separator: " or ")
        problem.message = "unknown key; did you mean \(list)?"
        problem.spoilt = "$.\(meant[0])"
        return problem
    }

    private func meant(by key: String) -> [String]? {
        guard key.utf8.count <= 64 else { return nil }
        if let own = shallowest(key) { return own }
        if let path = Self.otherWords[plain(key)], paths.contains(path) { return [path] }
        return nil
    }

    private func near(_ key: String) -> [String]? {
        nearest(to: key, among: paths.map { String(last($0)) }).flatMap(shallowest)
    }

    private func last(_ path: String) -> Substring { path.split(separator: ".").last ?? "" }

    /// The paths that end in a key and have the fewest parts.
    private func shallowest(_ key: String) -> [String]? {
        let found = paths.filter { last($0) == key }
        func depth(_ path: String) -> Int { path.count { $0 == "." } }
        guard let least = found.map(depth).min() else { return nil }
        return found.filter { depth($0) == least }
    }

    private func plain(_ key: String) -> String { key.lowercased().filter { $0.isLetter || $0.isNumber } }

    /// The words of timm, Hugging Face, MAE's scripts and Lightning, in small letters and digits alone.
    private static let otherWords: [String: String] = [
        "numheads": "model.heads", "nheads": "model.heads", "nhead": "model.heads", "numattentionheads": "model.heads",
        "attentionheads": "model.heads",
        "embeddim": "model.width", "dim": "model.width", "dmodel": "model.width", "hiddensize": "model.width",
        "hiddendim": "model.width", "embeddingdim": "model.width", "embeddingsize": "model.width",
        "numhiddenlayers": "model.depth", "numlayers": "model.depth", "nlayers": "model.depth", "layers": "model.depth",
        "blocks": "model.depth", "numblocks": "model.depth",
        "patch": "model.patch_size", "patches": "model.patch_size", "inchans": "model.channels",
        "inchannels": "model.channels", "numchannels": "model.channels",
        "intermediatesize": "model.mlp_ratio", "mlpdim": "model.mlp_ratio", "hiddenratio": "model.mlp_ratio",
        "droppathrate": "model.drop_path", "stochasticdepth": "model.drop_path", "posembed": "model.position",
        "clstoken": "model.class_token", "useclstoken": "model.class_token", "initvalues": "model.layer_scale",
        "layerscaleinitvalue": "model.layer_scale", "userelposbias": "model.relative_position_bias",
        "usesharedrelposbias": "model.relative_position_bias",
        "imgsize": "data.image_size", "inputsize": "data.image_size", "resolution": "data.image_size",
        "size": "data.image_size", "datapath": "data.source.path", "dataset": "data.source", "root": "data.source.path",
        "datadir": "data.source.path", "hflip": "data.flip", "imagemean": "data.mean", "imagestd": "data.std",
        "deviation": "data.std",
        "maskratio": "mask.ratio", "maskingratio": "mask.ratio", "masktype": "mask.strategy",
        "masking": "mask.strategy",
        "maskingstrategy": "mask.strategy",
        "nummaskpatches": "mask.num_masked", "objective": "method.name", "normpix": "method.norm_pix_loss",
        "decoderembeddim": "method.decoder_width", "decoderhiddensize": "method.decoder_width",
        "decodernumheads": "method.decoder_heads", "decodernumattentionheads": "method.decoder_heads",
        "decodernumhiddenlayers": "method.decoder_depth", "preddepth": "method.predictor_depth",
        "predembdim": "method.predictor_width",
        "lr": "train.learning_rate", "blr": "train.base_learning_rate", "baselr": "train.base_learning_rate",
        "minlr": "train.schedule.min_learning_rate", "warmuplr": "train.schedule.warmup_learning_rate",
        "warmup": "train.schedule.warmup_epochs", "opt": "train.optimizer", "momentum": "train.optimizer.momentum",
        "batch": "train.batch_size", "bs": "train.batch_size", "batchsizepergpu": "train.batch_size",
        "gradientcheckpointing": "train.checkpoint_blocks", "gradcheckpointing": "train.checkpoint_blocks",
        "usecheckpoint": "train.checkpoint_blocks", "activationcheckpointing": "train.checkpoint_blocks",
        "accumiter": "train.accumulate", "gradaccum": "train.accumulate", "updatefreq": "train.accumulate",
        "accumulategradbatches": "train.accumulate", "gradientaccumulationsteps": "train.accumulate",
        "wd": "train.weight_decay", "weightdecayend": "train.schedule.final_weight_decay",
        "finalwd": "train.schedule.final_weight_decay",
        "clipgrad": "train.clip_norm", "gradclip": "train.clip_norm", "maxgradnorm": "train.clip_norm",
        "optbetas": "train.optimizer.betas", "opteps": "train.optimizer.eps", "numepochs": "train.epochs",
        "maxepochs": "train.epochs",
        "nepochs": "train.epochs", "numtrainepochs": "train.epochs", "lrscheduler": "train.schedule",
        "sched": "train.schedule", "randomseed": "seed", "manualseed": "seed", "experiment": "name", "runname": "name",
        "logfreq": "log.every_steps", "savefreq": "log.checkpoint_every_epochs",
    ]
}
