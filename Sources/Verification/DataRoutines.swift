import Checkpoints
import ImageData
import RecipeSchema

/// Decoding, resampling and the transforms.
let dataRoutines: [GoldenRoutine] = [
    GoldenRoutine(["data"], "resize-pillow", resizeBytes),
    GoldenRoutine(["data"], "resize-tensor", resizePlanes),
    GoldenRoutine(["data"], "random-resized-crop", randomResizedCrop),
    GoldenRoutine(["data"], "eval-transform", evaluationTransform),
    GoldenRoutine(["data"], "train-transform", trainingTransform),
    GoldenRoutine(["data"], "jpeg-scaled", reducedJPEG),
]

/// One row of a case's `entries`.
private struct Entry {
    let json: JSONValue
    let index: Int

    static func all(_ golden: GoldenCase) throws -> [Entry] {
        try (golden.value("entries").array ?? []).map { json in
            guard let index = json["index"]?.int else { throw GoldenError("an entry without \"index\"") }
            return Entry(json: json, index: index)
        }
    }

    func numbers(_ name: String, count: Int) throws -> [Double] {
        let numbers = json[name]?.array?.compactMap(\.double) ?? []
        guard numbers.count == count else {
            throw GoldenError("entry \(index): \"\(name)\" is no list of \(count) numbers")
        }
        return numbers
    }

    func integer(_ name: String) throws -> Int {
        guard let number = json[name]?.int else { throw GoldenError("entry \(index): \"\(name)\" is no integer") }
        return number
    }

    /// A side of a picture to be made.
    func side(_ name: String) throws -> Int {
        try CaseBounds.checked(try integer(name), in: 1...1024, "entry \(index): \"\(name)\"")
    }

    /// Height and width of a picture to be made.
    func size(_ name: String) throws -> (height: Int, width: Int) {
        let sides = try numbers(name, count: 2).map {
            try CaseBounds.checked(Int($0), in: 1...1024, "entry \(index): \"\(name)\"")
        }
        return (sides[0], sides[1])
    }

    /// Two numbers above 0 in rising order.
    func range(_ name: String) throws -> ClosedRange<Double> {
        let ends = try numbers(name, count: 2)
        try CaseBounds.require(
            1e-6 <= ends[0] && ends[0] <= ends[1], "entry \(index): \"\(name)\" is \(ends), no range above 0")
        return ends[0]...ends[1]
    }

    func filter() throws -> ResamplingFilter {
        guard let name = json["filter"]?.string else { return .bicubic }
        guard let filter = ResamplingFilter(rawValue: name) else { throw GoldenError("unknown filter \"\(name)\"") }
        return filter
    }

    func normalization(channels wanted: Int) throws -> Normalization {
        let channels = json["mean"] == nil ? 3 : json["mean"]?.array?.count ?? 0
        try CaseBounds.require(
            channels == 1 || channels == wanted, "entry \(index): \(channels) means for \(wanted) channels")
        guard json["mean"] != nil else { return .imageNet }
        return Normalization(
            mean: try numbers("mean", count: channels), deviation: try numbers("std", count: channels))
    }
}

extension GoldenCase {
    /// A byte tensor [H, W, C] as a picture.
    fileprivate func image(_ name: String) throws -> DecodedImage {
        let stored = try tensor(name)
        guard stored.dtype == .uint8, stored.shape.count == 3, !stored.shape.contains(0) else {
            throw GoldenError("\"\(name)\" is no picture of bytes [H, W, C]")
        }
        return DecodedImage(
            height: stored.shape[0], width: stored.shape[1], channels: stored.shape[2], samples: .uint8(stored.bytes))
    }

    /// A byte tensor [C, H, W] as a picture.
    fileprivate func planarImage(_ name: String) throws -> DecodedImage {
        let stored = try tensor(name)
        guard stored.dtype == .uint8, stored.shape.count == 3, !stored.shape.contains(0) else {
            throw GoldenError("\"\(name)\" is no picture of bytes [C, H, W]")
        }
        let (channels, pixels) = (stored.shape[0], stored.shape[1] * stored.shape[2])
        let interleaved = (0..<(channels * pixels)).map { stored.bytes[$0 % channels * pixels + $0 / channels] }
        return DecodedImage(
            height: stored.shape[1], width: stored.shape[2], channels: channels, samples: .uint8(interleaved))
    }

    /// The filters of the expected tensors `prefix/index/FILTER`.
    fileprivate func filters(of entry: Entry, under prefix: String) -> [ResamplingFilter] {
        ResamplingFilter.allCases.filter { filter in
            expectations.contains { $0.tensor == "\(prefix)/\(entry.index)/\(filter.rawValue)" }
        }
    }
}

extension GoldenValue {
    /// A picture as it lies, [H, W, C].
    fileprivate init(_ image: DecodedImage) {
        let shape = [image.height, image.width, image.channels]
        switch image.samples {
        case .uint8(let values): self.init(values, shape)
        case .uint16(let values): self.init(values, shape)
        case .float32(let values): self.init(values, shape)
        // Golden cases have no pictures of other types.
        default: self.init(image.unitSamples(), shape)
        }
    }

    /// A picture in planes, [C, H, W].
    fileprivate init(planes image: DecodedImage) {
        let lying = GoldenValue(image).numbers
        let pixels = image.height * image.width
        self.init(
            (0..<lying.count).map { lying[$0 % pixels * image.channels + $0 / pixels] },
            [image.channels, image.height, image.width])
    }
}

private func resizeBytes(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for entry in try Entry.all(golden) {
        let image = try golden.image("in/\(entry.index)")
        let size = try entry.size("out")
        let sides = entry.json["box"].map(\.isNull) ?? true ? nil : try entry.numbers("box", count: 4)
        for filter in golden.filters(of: entry, under: "out") {
            let resized = Resampling.resize(
                image, height: size.height, width: size.width, filter: filter,
                box: sides.map { ($0[0], $0[1], $0[2], $0[3]) })
            outcome.values["out/\(entry.index)/\(filter.rawValue)"] = GoldenValue(resized)
        }
    }
    return outcome
}

private func resizePlanes(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for entry in try Entry.all(golden) {
        let bytes = try golden.planarImage("in/\(entry.index)")
        let floats = DecodedImage(
            height: bytes.height, width: bytes.width, channels: bytes.channels, samples: .float32(bytes.unitSamples()))
        let size = try entry.size("out")
        for (prefix, image) in [("float", floats), ("uint8", bytes)] {
            for filter in golden.filters(of: entry, under: prefix) {
                let resized = Resampling.resize(image, height: size.height, width: size.width, filter: filter)
                outcome.values["\(prefix)/\(entry.index)/\(filter.rawValue)"] = GoldenValue(planes: resized)
            }
        }
    }
    return outcome
}

/// The draws of `row` as the four numbers of each try.
private func draws(_ uniforms: [Double], row: Int) -> (Int) -> (area: Double, aspect: Double, top: Double, left: Double)
{
    { attempt in
        let first = (row * RandomResizedCrop.tries + attempt) * 4
        return (uniforms[first], uniforms[first + 1], uniforms[first + 2], uniforms[first + 3])
    }
}

private func randomResizedCrop(_ golden: GoldenCase) throws -> GoldenOutcome {
    let uniforms = try golden.tensor("draw/uniform")
    let options = try golden.tensor("in/scale_ratio").doubles()
    let sizes = try golden.integers("out/params")  // height and width of the pictures stand in the first two columns
    let rows = uniforms.shape[0]
    let numbers = uniforms.doubles()
    guard uniforms.shape == [rows, RandomResizedCrop.tries, 4], options.count == rows * 4, sizes.count == rows * 7
    else {
        throw GoldenError("draws of shape \(uniforms.shape), expected [N, \(RandomResizedCrop.tries), 4]")
    }
    var table: [Int] = []
    for row in 0..<rows {
        let given = Array(options[4 * row..<4 * row + 4])
        try CaseBounds.require(
            1e-6 <= given[0] && given[0] <= given[1] && given[1] <= 1e6 && 1e-6 <= given[2] && given[2] <= given[3]
                && given[3] <= 1e6 && sizes[7 * row..<7 * row + 2].allSatisfy { (1...CaseBounds.entries).contains($0) }
                && numbers[row * RandomResizedCrop.tries * 4..<(row + 1) * RandomResizedCrop.tries * 4].allSatisfy {
                    (0...1).contains($0)
                }, "row \(row): scale, ratio, draws or size out of range")
        let crop = RandomResizedCrop(
            scale: options[4 * row]...options[4 * row + 1], ratio: options[4 * row + 2]...options[4 * row + 3])
        let (height, width) = (sizes[7 * row], sizes[7 * row + 1])
        let (r, tries) = crop.rectangle(height: height, width: width, uniforms: draws(numbers, row: row))
        table += [height, width, r.top, r.left, r.height, r.width, tries]
    }
    return GoldenOutcome(["out/params": GoldenValue(table, [rows, 7])])
}

private func evaluationTransform(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    if golden.tensors["out/geometry"] != nil {
        let inputs = try golden.integers("out/geometry")  // the first four columns are the inputs
        let rows = inputs.count / 8
        var table: [Int] = []
        for row in 0..<rows {
            let given = Array(inputs[(8 * row)..<(8 * row + 4)])
            try CaseBounds.require(
                given.allSatisfy { (1...CaseBounds.entries).contains($0) }, "row \(row) of \"out/geometry\": \(given)")
            let place = CentreCrop(resize: (given[2], given[2]), crop: (given[3], given[3]))
                .geometry(height: given[0], width: given[1])
            table += given + [place.height, place.width, place.top, place.left]
        }
        outcome.values["out/geometry"] = GoldenValue(table, [rows, 8])
    }
    for entry in try Entry.all(golden) {
        let image = try golden.image("in/\(entry.index)")
        let (resize, crop) = (try entry.side("resize"), try entry.side("crop"))
        let place = CentreCrop(resize: (resize, resize), crop: (crop, crop))
            .geometry(height: image.height, width: image.width)
        _ = try CaseBounds.checked(max(place.height, place.width), in: 1...4096, "the longer side")
        let resized = Resampling.resize(image, height: place.height, width: place.width, filter: try entry.filter())
        outcome.values["out/\(entry.index)"] = GoldenValue(
            try entry.normalization(channels: image.channels).normalized(
                resized, height: crop, width: crop, top: place.top, left: place.left),
            [image.channels, crop, crop])
    }
    return outcome
}

private func trainingTransform(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for entry in try Entry.all(golden) {
        let image = try golden.image("in/\(entry.index)")
        let uniforms = try golden.tensor("draw/\(entry.index)/uniform").doubles()
        let scale = try entry.range("scale")
        let ratio = try entry.range("ratio")
        let size = try entry.side("size")
        let mirrored = entry.json["flip"]?.bool ?? false
        guard uniforms.count == RandomResizedCrop.tries * 4, uniforms.allSatisfy({ (0...1).contains($0) }) else {
            throw GoldenError(
                "entry \(entry.index): \(uniforms.count) draws, expected \(RandomResizedCrop.tries) tries of 4")
        }
        let (rectangle, _) = RandomResizedCrop(scale: scale, ratio: ratio)
            .rectangle(height: image.height, width: image.width, uniforms: draws(uniforms, row: 0))
        let r = [rectangle.top, rectangle.left, rectangle.height, rectangle.width]
        outcome.check("crop of entry \(entry.index) is \(r)", try entry.numbers("crop", count: 4).map { Int($0) } == r)
        let resized = Resampling.resize(
            image, height: size, width: size, filter: try entry.filter(), rectangle: rectangle)
        outcome.values["out/\(entry.index)/uint8"] = GoldenValue(mirrored ? resized.flippedLeftRight() : resized)
        outcome.values["out/\(entry.index)/normalised"] = GoldenValue(
            try entry.normalization(channels: image.channels).normalized(
                resized, height: size, width: size, mirrored: mirrored),
            [image.channels, size, size])
    }
    return outcome
}

private func reducedJPEG(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for entry in try Entry.all(golden) {
        let file = try golden.tensor("in/\(entry.index)/jpeg").bytes
        for reduction in [1, 2, 4, 8] {
            let name = "out/\(entry.index)/" + (reduction == 1 ? "full" : "scaled\(reduction)")
            guard golden.expectations.contains(where: { $0.tensor == name }) else { continue }
            let decoded = try ImageDecoder().decode(file, path: "in/\(entry.index)/jpeg") { _, _ in reduction }
            outcome.values[name] = GoldenValue(decoded.image)
        }
    }
    return outcome
}
