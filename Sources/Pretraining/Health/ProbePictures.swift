import ImageData
import RandomStreams

/// A fixed handful of a source's pictures, for looking at features during training: unlabelled, readable, in a fixed order.
struct ProbePictures: ImageSource {
    private let source: any ImageSource
    private let chosen: [Int]

    /// At most `count` readable pictures, drawn by `random`; nil where there are fewer than two.
    init?(of source: any ImageSource, count: Int, random: RandomStream) {
        var stream = random
        var chosen: [Int] = []
        for index in stream.permutation(source.count) {
            if chosen.count == count { break }
            if (try? source.image(index)) != nil { chosen.append(index) }
        }
        guard chosen.count >= 2 else { return nil }
        self.source = source
        self.chosen = chosen
    }

    var count: Int { chosen.count }
    var labelNames: [String]? { nil }
    var fingerprint: String { source.fingerprint }
    func image(_ index: Int) throws(ImageError) -> DecodedImage { try source.image(chosen[index]) }
    func label(_ index: Int) -> Int? { nil }
    func key(_ index: Int) -> String { source.key(chosen[index]) }
}
