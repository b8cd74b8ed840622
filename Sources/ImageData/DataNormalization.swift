import RecipeSchema

/// The `data` of a recipe with nothing left open, and what was found on the way.
public struct ResolvedData: Sendable {
    /// The options with mean, deviation and value range as numbers.
    public var options: DataOptions
    /// Sentences for the log.
    public var notes: [String] = []
    /// Sentences that ask for a decision of the user.
    public var warnings: [String] = []
}

extension DataOptions {
    /// The options with `mean`, `deviation` and `valueRange` written out for a model of some channels.
    ///
    /// Mean and deviation are those given, else the card's, else ImageNet's where the samples are 8-bit RGB, else measured on
    /// up to `SourceSample.size` pictures taken evenly through `source`. A value range `measured` is the smallest and
    /// largest stored number of the same sample; the constants are then those of the scaled numbers.
    /// - Parameter source: the training part, as `open` gives it.
    public func resolved(
        cards: DatasetCards, source: any ImageSource, channels: Int, threads: Int = 2
    ) throws(ImageError) -> ResolvedData {
        var made = ResolvedData(options: self)
        let hasCard = try self.source.card(in: cards) != nil
        if mean != nil || (hasCard && valueRange == nil), valueRange != .measured {
            let constants = try normalization(channels: channels, cards: cards)
            made.options.mean = constants.mean
            made.options.deviation = constants.deviation
            return made
        }
        let first = try SourceSample(of: source, size: SourceSample.glance, channels: channels, threads: threads)
        for (count, what) in [
            (first.transparent, "transparency (a band of alpha), which is not read"),
            (first.animated, "frames behind the first, which are not read"),
        ] where count > 0 {
            made.notes.append("\(count) of \(first.count) pictures looked at have \(what)")
        }
        if valueRange == nil && channels == 3 && first.isEightBit && first.isColour {
            made.options.mean = Normalization.imageNet.mean
            made.options.deviation = Normalization.imageNet.deviation
            made.notes.append("mean and std are ImageNet's, as usual for 8-bit RGB; data.mean and data.std set others")
            return made
        }
        let sample =
            source.count <= SourceSample.glance
            ? first : try SourceSample(of: source, size: SourceSample.size, channels: channels, threads: threads)
        var constants = sample.normalization
        if valueRange == .measured, let range = sample.range {
            guard range.lowerBound < range.upperBound else {
                throw ImageError(
                    .empty, path: "",
                    "all numbers of \(sample.count) pictures are \(range.lowerBound), so data.value_range cannot be "
                        + "measured; give [low, high]")
            }
            guard !sample.isMixed else {
                throw ImageError(
                    .unsupported, path: "",
                    "pictures of several types of numbers are mixed, such as of 8 and of 16 bits, so data.value_range cannot be measured; give [low, high], or "
                        + "null for the range of each picture's type")
            }
            made.options.valueRange = .numbers(low: range.lowerBound, high: range.upperBound)
            constants = sample.normalization(low: range.lowerBound, high: range.upperBound)
            made.notes.append(
                "data.value_range measured on \(sample.count) pictures of the training part: "
                    + "\(range.lowerBound) to \(range.upperBound)")
        } else if valueRange == nil, let sentence = sample.narrowRange {
            made.warnings.append(sentence)
        }
        if let mean, let deviation {
            _ = try normalization(channels: channels, cards: cards)
            constants = Normalization(mean: mean, deviation: deviation)
        } else {
            made.notes.append(
                "mean and std measured on \(sample.count) pictures of the training part, which "
                    + "\(sample.isEightBit ? "are not RGB" : "are not of 8 bits")\(valueRange == nil ? "" : ", or are scaled"): "
                    + "mean \(Self.spoken(constants.mean)), std \(Self.spoken(constants.deviation))")
        }
        made.options.mean = constants.mean
        made.options.deviation = constants.deviation
        try made.options.requireReadable(sample.count)
        return made
    }

    /// Throws where what was measured could not be read again from the recipe that it is written into.
    private func requireReadable(_ pictures: Int) throws(ImageError) {
        var problems: [Problem] = []
        _ = DataOptions.decode(encoded, at: "data", &problems)
        guard let problem = problems.first else { return }
        throw ImageError(
            .unsupported, path: "",
            "measured on \(pictures) pictures, \(problem.path) cannot be used: \(problem.message); if one of the numbers stands for "
                + "no data, name it in data.missing_value, else give data.value_range as [low, high]")
    }

    /// The constants of options that were resolved; without any, numbers stay as they are.
    public var writtenNormalization: Normalization {
        Normalization(mean: mean ?? [0], deviation: deviation ?? [1])
    }

    /// The constants for a model of some channels: given, or the card's, or ImageNet's; a card of the other number of
    /// channels lends the mean over its channels. With other channels than 1 and 3 they must be given or measured.
    public func normalization(channels: Int, cards: DatasetCards) throws(ImageError) -> Normalization {
        if let mean, let deviation {
            guard mean.count == channels || mean.count == 1 else {
                throw ImageError(
                    .unsupported, path: "",
                    "data.mean has \(mean.count) numbers and the model \(channels) channels; give as many, one for all, or "
                        + "null")
            }
            return Normalization(mean: mean, deviation: deviation)
        }
        let known = try source.card(in: cards)?.normalization ?? .imageNet
        if known.mean.count == channels { return known }
        guard channels == 1 || (known.mean.count == 1 && channels == 3) else {
            throw ImageError(
                .unsupported, path: "",
                "there are no usual constants for \(channels) channels; give data.mean and data.std, or a recipe of a run, "
                    + "which has those that were measured")
        }
        func average(_ values: [Double]) -> Double { values.reduce(0, +) / Double(values.count) }
        return Normalization(mean: [average(known.mean)], deviation: [average(known.deviation)])
    }

    private static func spoken(_ values: [Double]) -> String {
        values.map { String(describing: ($0 * 1e4).rounded() / 1e4) }.joined(separator: " ")
    }
}

extension SourceSample {
    /// A sentence where the numbers of a source, all of `channels` channels, hardly use the range of their type; nil where they
    /// do, or no picture can be read.
    public static func narrowRange(of source: any ImageSource, channels: Int, threads: Int) -> String? {
        (try? SourceSample(of: source, size: glance, channels: channels, threads: threads))?.narrowRange
    }

    /// A sentence where the numbers use a small part of the range of their type, as of 12-bit values in 16-bit files.
    var narrowRange: String? {
        guard let type = typeRange, let range, range.upperBound < type.upperBound / 4,
            range.lowerBound >= type.lowerBound / 4, range.upperBound > range.lowerBound
        else { return nil }
        let remedy = "such as of 12-bit values in 16-bit files; --set data.value_range=measured scales them to 0 and 1"
        if type.lowerBound == 0 {
            return
                "the largest stored number of \(count) pictures is \(Int(range.upperBound)), far below the "
                + "\(Int(type.upperBound)) of their type, \(remedy)"
        }
        return
            "the stored numbers of \(count) pictures are from \(Int(range.lowerBound)) to \(Int(range.upperBound)), a small part "
            + "of the \(Int(type.lowerBound)) to \(Int(type.upperBound)) of their type, \(remedy)"
    }
}
