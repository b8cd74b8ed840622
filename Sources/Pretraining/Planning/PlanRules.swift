/// What a plan chooses where nothing on this machine can be measured: rules of thumb.
///
/// docs/plan.md says what is behind each; whoever changes a number here changes it there.
package enum PlanRules {
    /// Patches along each side of the grid: few enough for a processor, many enough to hide most of them.
    package static let gridSide = 8
    /// The largest side fed to the model: larger patches hold more than a small encoder can tell and a small decoder can draw.
    static let largestSide = 64
    /// The smallest side that patches of two pixels can cover.
    static let smallestSide = 2 * gridSide

    /// Sides and patches for pictures whose short side is `side` in the middle: never larger than they are.
    package static func size(ofPictures side: Int) -> (image: Int, patch: Int) {
        let patch = min(max(side, smallestSide), largestSide) / gridSide
        return (patch * gridSide, patch)
    }

    /// Encoders from small to large, all of them quick on a processor.
    static let encoders: [Candidate] = [
        Candidate(width: 128, depth: 4, heads: 4),
        Candidate(width: 192, depth: 6, heads: 3),
        Candidate(width: 256, depth: 8, heads: 4),
    ]

    /// An encoder that a plan may choose.
    struct Candidate: Equatable {
        var width: Int
        var depth: Int
        var heads: Int
        /// The decoder has half the width.
        var decoderWidth: Int { width / 2 }
        var words: String { "width \(width), \(depth) blocks" }
    }

    /// Pictures that an encoder must see in the time, each time they are seen counting, before a larger one learns more.
    package static let fewestSeen = 2_000_000

    /// The largest encoder that sees enough pictures in the time; the smallest where none does.
    package static func encoder(_ seen: [Int]) -> Int { seen.lastIndex { $0 >= fewestSeen } ?? 0 }

    /// Pictures of a step: small batches make many steps of the little time, and small sets have few pictures for each.
    static func batch(of pictures: Int) -> Int { pictures >= 10_000 ? 64 : pictures >= 32 ? 32 : pictures }

    /// The rate for 256 pictures.
    static let baseLearningRate = 0.004
    /// The rise of the rate, as a share of the run.
    static let warmupShare = 0.05
    /// The smallest share of a picture's area that a crop takes.
    static let smallestCrop = 0.4
    /// The share of the patches that is hidden.
    static let maskRatio = 0.75
    /// Most epochs: beyond them a small set is learnt by heart.
    static let mostEpochs = 4000
}
