import Autodiff
import ImageData
import RandomStreams

/// A fixed handful of a source's pictures, for looking at features during training: unlabelled, readable, in a fixed order.
struct ProbePictures: ImageSource {
    private let source: any ImageSource
    private let chosen: [Int]

    /// At most `count` readable pictures, drawn by `random` and looked at on the threads of `engine`; nil where there are fewer than two.
    init?(of source: any ImageSource, count: Int, random: RandomStream, engine: Engine) {
        var stream = random
        var chosen: [Int] = []
        var rest = stream.permutation(source.count)[...]
        while chosen.count < count, !rest.isEmpty {
            let looked = Array(rest.prefix(count - chosen.count))
            rest = rest.dropFirst(looked.count)
            var isReadable = [Bool](repeating: false, count: looked.count)
            isReadable.withUnsafeMutableBufferPointer { found in
                // Each call writes to a place of its own.
                engine.forEach(looked.count) { found[$0] = (try? source.image(looked[$0])) != nil }
            }
            chosen += zip(looked, isReadable).filter(\.1).map(\.0)
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
