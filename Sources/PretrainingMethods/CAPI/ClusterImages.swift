import Autodiff
import Foundation
import ImageMasking

/// Clusters of patches as images to be looked at: a colour a cluster, the same in every picture and at every step.
struct ClusterImages {
    /// The patches of a picture.
    let grid: PatchGrid
    /// Side of a patch, in pixels.
    let side: Int
    /// All clusters that there are.
    let clusters: Int

    /// What the clustering and the student say of a batch: the largest of the clustering's scores `[B, N, K]`, before they are
    /// balanced over the batch, and of the student's `[B, M, K]` where they are predicted.
    func shown(_ clustering: Tensor, predicted: Tensor, _ mask: PatchMask) -> [ShownImages] {
        let all = Self.largest(clustering).map { Optional($0) }
        var named = [Int?](repeating: nil, count: all.count)
        let answers = Self.largest(predicted)
        for image in 0..<mask.imageCount {
            for (place, patch) in mask.predicted(image).enumerated() {
                named[image * grid.count + Int(patch)] = answers[image * mask.predictedCount + place]
            }
        }
        return [
            ShownImages(
                "clusters of the patches", images(all),
                caution: "a colour is one of \(clusters) clusters, the same in all pictures; \(Set(all).count) are here"
            ),
            ShownImages("clusters predicted of hidden patches", images(named)),
        ].map { made in
            var made = made
            made.areColours = true
            return made
        }
    }

    /// For each row of scores its largest.
    private static func largest(_ scores: Tensor) -> [Int] {
        let width = scores.shape.columns
        return scores.withUnsafeBuffer { values in
            (0..<scores.shape.rows).map { row in
                (0..<width).reduce(0) { values[row * width + $1] > values[row * width + $0] ? $1 : $0 }
            }
        }
    }

    /// Colours `[B, 3, H, W]` of patches, picture by picture; gray where nothing is said of one.
    private func images(_ patches: [Int?]) -> Tensor {
        let (height, width) = (grid.rows * side, grid.columns * side)
        let colours = patches.map { $0.map(Self.colour) ?? [0.5, 0.5, 0.5] }
        let pictures = patches.count / grid.count
        let values = (0..<pictures * 3 * height * width).map { place -> Float in
            let (row, column) = (place / width % height, place % width)
            let (picture, channel) = (place / (3 * height * width), place / (height * width) % 3)
            return colours[picture * grid.count + row / side * grid.columns + column / side][channel]
        }
        return Tensor(values, [pictures, 3, height, width])
    }

    /// Hue, saturation and brightness run through their ranges by irrational steps, so that neighbouring numbers look different and no
    /// two are the same.
    static func colour(of cluster: Int) -> [Float] {
        func share(_ step: Double) -> Double { (Double(cluster) * step).truncatingRemainder(dividingBy: 1) }
        let (hue, saturation, brightness) = (
            share(0.8191725), 0.5 + 0.5 * share(0.6710436), 0.5 + 0.5 * share(0.5497005)
        )
        return [0.0, 4, 2].map { (offset: Double) -> Float in
            let place = (6 * hue + offset).truncatingRemainder(dividingBy: 6)
            let part = min(max(abs(place - 3) - 1, 0), 1)
            return Float(brightness * (1 - saturation * (1 - part)))
        }
    }
}
