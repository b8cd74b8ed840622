import ImageData
import ImageMasking
import Optimizers
import PretrainingMethods
import RecipeSchema

extension Recipe {
    /// Options that are set to something else than their default and change nothing beside the others, a sentence each: whoever set
    /// them may believe something else. No faults, since a sweep or `--set` may take away what they belong to.
    public var idleNotes: [String] {
        let (given, usual) = (encoded, usual)
        return idle.compactMap { path, reason in
            guard let found = given.value(at: path), found != usual.value(at: path) else { return nil }
            return "\(path) \(found.text()) changes nothing, since \(reason)"
        }
    }

    /// What has no effect, set or not, with the reason.
    private var idle: [IdleOption] {
        let needs = method.needs
        let name = type(of: method).name
        let surroundings = MethodSurroundings(encoder: model, schedule: train.schedule, optimizer: train.optimizer)
        var idle = method.idle(beside: surroundings)
        if let views = needs.views {
            if !views.areResizedCrops {
                idle.append(("data.crop_ratio", "the views of method \"\(name)\" are no resized crops"))
            }
        } else if data.cropScale == nil {
            idle += ["crop_ratio", "scaled_decoding"].map { ("data.\($0)", "data.crop_scale is null") }
        }
        if !needs.predictsPart {
            idle.append(("mask.predict_share", "method \"\(name)\" predicts all hidden patches"))
        } else if masking.predictedRatio == nil && mask.predictedPart == nil {
            idle.append(("train.prediction_scale", "all hidden patches are predicted"))
        } else if train.learningRate != nil {
            idle.append(("train.prediction_scale", "it is a factor of base_learning_rate, and learning_rate is given"))
        }
        if train.schedule.warmupEpochs == 0 {
            idle.append(("train.schedule.warmup_learning_rate", "there is no warm-up (train.schedule.warmup_epochs)"))
        }
        return idle
    }
}

extension JSONValue {
    /// The value at a dotted path; nil where there is none.
    fileprivate func value(at path: String) -> JSONValue? {
        path.split(separator: ".").reduce(Optional(self)) { $0?[String($1)] }
    }
}
