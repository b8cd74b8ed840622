public import RandomStreams

/// How well predicted regions lie over the true ones: pixels counted by picture and class (mean IoU, Everingham et al. 2010).
///
/// The intersection over union (IoU) of a class is over the pixels of all pictures together: hits / (true + predicted − hits). The mean
/// is over the classes that are true somewhere; what is ignored counts nowhere.
public struct RegionOverlap: Sendable, Equatable {
    /// Pixels of a class in a picture.
    public struct Count: Sendable, Equatable {
        /// The class, a place among the names.
        public var label: Int
        /// Pixels that are of the class and were called so.
        public var hits: Int
        /// Pixels of the class.
        public var truth: Int
        /// Pixels that were called the class.
        public var predicted: Int

        /// Pixels of a class.
        public init(label: Int, hits: Int, truth: Int, predicted: Int) {
            self.label = label
            self.hits = hits
            self.truth = truth
            self.predicted = predicted
        }
    }

    /// The names of the classes.
    public let names: [String]
    /// What identifies each picture.
    public let keys: [String]
    /// The classes that a picture has, or was said to have: few of many.
    private let counts: [[Count]]

    /// The counts of pictures, of each those of its classes.
    public init(names: [String], keys: [String], counts: [[Count]]) {
        precondition(counts.count == keys.count, "counts of \(counts.count) pictures for \(keys.count)")
        self.names = names
        self.keys = keys
        self.counts = counts
    }

    /// Pictures.
    public var pictures: Int { keys.count }
    /// Pixels of each class.
    public var pixelsOfClass: [Int] { sums([Int](repeating: 1, count: pictures)).map(\.truth) }
    /// Pixels that have a class.
    public var pixels: Int { pixelsOfClass.reduce(0, +) }
    /// The share of pixels that were called what they are.
    public var pixelAccuracy: Double {
        let sums = sums([Int](repeating: 1, count: pictures))
        return Double(sums.reduce(0) { $0 + $1.hits }) / Double(max(sums.reduce(0) { $0 + $1.truth }, 1))
    }

    /// The IoU of each class; nil for one that is true nowhere.
    public var intersectionOverUnion: [Double?] { shares([Int](repeating: 1, count: pictures)) }
    /// The mean of those that are there; 0 without any.
    public var mean: Double { Self.mean(intersectionOverUnion) }

    /// The counts of each class where each picture counts so often.
    private func sums(_ times: [Int]) -> [Count] {
        var sums = names.indices.map { Count(label: $0, hits: 0, truth: 0, predicted: 0) }
        for (picture, times) in times.enumerated() where times > 0 {
            for count in counts[picture] {
                sums[count.label].hits += times * count.hits
                sums[count.label].truth += times * count.truth
                sums[count.label].predicted += times * count.predicted
            }
        }
        return sums
    }

    private func shares(_ times: [Int]) -> [Double?] {
        sums(times).map { $0.truth == 0 ? nil : Double($0.hits) / Double($0.truth + $0.predicted - $0.hits) }
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
