import ImageData
import ImageMasking
import PretrainingMethods
import RecipeSchema
import VisionTransformers

extension Recipe {
    /// Faults between sections; each was readable by itself.
    func faults(in json: JSONValue) -> [Problem] {
        var problems: [Problem] = []
        func fault(_ path: String, _ message: String) {
            problems.append(Problem(line: json.line(of: path), path: "$.\(path)", message: message))
        }
        let size = data.imageSize
        let patch = model.patchSize
        if size.height % patch != 0 || size.width % patch != 0 || size.height < patch || size.width < patch {
            fault(
                "data.image_size",
                "\(size.height) x \(size.width) is not a multiple of model.patch_size \(patch) in both directions")
        } else {
            for reason in mask.faults(on: grid) { fault("mask", "\(reason) (the grid has \(grid) patches)") }
            for reason in method.faults(encoder: model, grid: grid) { fault("method", reason) }
        }
        if train.accumulate > 1, let reason = method.batchDependence {
            fault("train.accumulate", "\(reason), so accumulating changes the result; set accumulate to 1")
        }
        if data.cropScale != nil, let reason = method.wholePictures {
            fault("data.crop_scale", "\(reason); set data.crop_scale to null")
        }
        if self.method.twoViews != nil {
            let reason =
                "says how crops are made, and method \"\(type(of: self.method).name)\" makes views; leave it out"
            if data.interpolation != .bicubic { fault("data.interpolation", reason) }
            if data.scaledDecoding { fault("data.scaled_decoding", reason) }
        }
        let method = type(of: method)
        let strategy = type(of: mask)
        if !self.method.acceptedMasks.contains(strategy.kind) {
            let accepted = self.method.acceptedMasks
            let right = maskingStrategies.filter { strategy in
                accepted.contains(strategy.kind) && (method.providesImportance || !strategy.needsImportance)
            }.map { "\"\($0.name)\"" }
            fault(
                "mask.strategy",
                "method \"\(method.name)\" cannot use \"\(strategy.name)\"; it takes \(right.joined(separator: ", "))")
        }
        if strategy.needsImportance && !method.providesImportance {
            let methods = pretrainingMethods.filter { $0.providesImportance }.map { "\"\($0.name)\"" }
            fault(
                "mask.strategy",
                "\"\(strategy.name)\" needs the importance of each patch, which method \"\(method.name)\" does not "
                    + "know; methods that do: \(methods.joined(separator: ", "))")
        }
        if method.sharesWidthEvenly, let reason = model.headsFault { fault("model", reason) }
        if model.relativePositionBias != .none && ![.frequencies, .nothing].contains(strategy.kind) {
            fault(
                "model.relative_position_bias",
                "\"\(model.relativePositionBias.rawValue)\" is a term for pairs of all patches; mask strategy "
                    + "\"\(strategy.name)\" hides some of them, so set it to \"none\"")
        }
        for (key, values) in [("mean", data.mean), ("std", data.deviation)] {
            if let values, values.count != model.channels {
                fault("data.\(key)", "\(values.count) numbers for model.channels \(model.channels)")
            }
        }
        return problems
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
