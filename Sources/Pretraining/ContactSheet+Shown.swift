package import Autodiff
import ImageData
package import PretrainingMethods
package import Reporting

extension ContactSheet {
    /// A sheet with a row a picture of `images` `[B, C, H, W]`: the picture itself, then what a method has made of it, each in its own
    /// size. Of other channels than colours some `bands` are drawn.
    package init(
        _ images: Tensor, _ shown: [ShownImages], bands: [Int], of recipe: Recipe, captions: Captions = Captions()
    ) {
        let constants = recipe.data.writtenNormalization
        let columns = ([ShownImages("original", images)] + shown).map { set -> [Picture] in
            let (channels, height, width) = (set.images.shape[1], set.images.shape[2], set.images.shape[3])
            let values = set.images.array
            return (0..<images.shape[0]).map { number in
                Picture(
                    normalized: values, from: number * channels * height * width,
                    bands: set.areColours ? [0, 1, 2] : bands, height: height, width: width,
                    mean: set.areColours ? [0] : constants.mean, deviation: set.areColours ? [1] : constants.deviation)
            }
        }
        self.init(
            rows: (0..<images.shape[0]).map { row in columns.map { $0[row] } },
            scale: max(1, 128 / max(images.shape[2], images.shape[3])), captions: captions)
    }
}
