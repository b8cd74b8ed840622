public import RandomStreams

/// How well predicted regions lie over the true ones: pixels counted by picture and class (mean IoU, Everingham et al. 2010).
///
/// The intersection over union (IoU) of a class is over the pixels of all pictures together: hits / (true + predicted − hits). The mean
/// is over the classes that are true somewhere; what is ignored counts nowhere.
public struct RegionOverlap: Sendable, Equatable {
    /// The names of the classes.
    public let names: [String]
    /// What identifies each picture.
    public let keys: [String]
    /// Pixels that are of the class and were called so [pictures, classes].
    private let hits: [Int]
    /// Pixels of the class [pictures, classes].
    private let truth: [Int]
    /// Pixels that were called the class [pictures, classes].
    private let predicted: [Int]

    /// Counts [pictures, classes] of pixels.
    public init(names: [String], keys: [String], hits: [Int], truth: [Int], predicted: [Int]) {
        let count = names.count * keys.count
        precondition(
            hits.count == count && truth.count == count && predicted.count == count,
            "\(hits.count), \(truth.count) and \(predicted.count) counts for \(keys.count) pictures of \(names.count) classes"
        )
        self.names = names
        self.keys = keys
        self.hits = hits
        self.truth = truth
        self.predicted = predicted
    }

    /// Pictures.
    public var pictures: Int { keys.count }
    /// Pixels of each class.
    public var pixelsOfClass: [Int] {
        names.indices.map { k in keys.indices.reduce(0) { $0 + truth[$1 * names.count + k] } }
    }
    /// Pixels that have a class.
    public var pixels: Int { truth.reduce(0, +) }
    /// The share of pixels that were called what they are.
    public var pixelAccuracy: Double { Double(hits.reduce(0, +)) / Double(max(pixels, 1)) }

    /// The IoU of each class; nil for one that is true nowhere.
    public var intersectionOverUnion: [Double?] { shares([Int](repeating: 1, count: pictures)) }
    /// The mean of those that are there; 0 without any.
    public var mean: Double { Self.mean(intersectionOverUnion) }

    /// The IoU of each class where each picture counts so often.
    private func shares(_ times: [Int]) -> [Double?] {
        let classes = names.count
        var sums = [(hits: Int, truth: Int, predicted: Int)](repeating: (0, 0, 0), count: classes)
        for (picture, times) in times.enumerated() where times > 0 {
            for k in 0..<classes {
                let place = picture * classes + k
                sums[k].hits += times * hits[place]
                sums[k].truth += times * truth[place]
                sums[k].predicted += times * predicted[place]
            }
        }
        return sums.map { $0.truth == 0 ? nil : Double($0.hits) / Double($0.truth + $0.predicted - $0.hits) }
    }

    private static func mean(_ shares: [Double?]) -> Double {
        let known = shares.compactMap { $0 }
        return known.isEmpty ? 0 : known.reduce(0, +) / Double(known.count)
    }

    /// How often each picture is drawn in a resample.
    private func times(_ stream: RandomStream) -> [Int] {
        var stream = stream
        var times = [Int](repeating: 0, count: pictures)
        for _ in 0..<pictures { times[stream.integer(below: pictures)] += 1 }
        return times
    }

    /// The 95 % percentile interval of the mean over resamples of the pictures; in each the mean is over the classes that are in it.
    public func interval(random: RandomStream, resamples: Int = 1000) -> Uncertainty.Interval {
        guard pictures > 0 else { return (0, 1) }
        let bootstrap = random.child("bootstrap")
        return Uncertainty.percentile((0..<resamples).map { Self.mean(shares(times(bootstrap.child($0)))) })
    }

    /// The same of mean(b) − mean(a) on the same pictures, which are resampled together; nil where the pictures are others.
    public static func pairedDifference(
        _ a: RegionOverlap, _ b: RegionOverlap, random: RandomStream, resamples: Int = 1000
    ) -> Uncertainty.Interval? {
        guard a.keys == b.keys, a.pictures > 0 else { return nil }
        let bootstrap = random.child("bootstrap")
        return Uncertainty.percentile(
            (0..<resamples).map { resample in
                let times = a.times(bootstrap.child(resample))
                return mean(b.shares(times)) - mean(a.shares(times))
            })
    }
}
