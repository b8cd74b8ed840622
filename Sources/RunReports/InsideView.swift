public import Autodiff
import Evaluation
import ImageData
import ImageMasking
public import Pretraining
import PretrainingMethods
public import Reporting
import VisionTransformers

/// What an encoder makes of whole pictures, a row a picture: patch tokens as colours, where the class token looks, attention rolled
/// out over all blocks, and the strongest pattern of the tokens.
public struct InsideView {
    /// The sheet, with what its columns are.
    public let sheet: ContactSheet
    /// Names of the columns.
    public let columns: [String]
    /// How to read it.
    public let reading: String

    /// Draws pictures with some bands as red, green and blue.
    public init(_ trained: TrainedMethod, _ pictures: ShownPictures, bands: [Int], engine: Engine) throws {
        let (encoder, parameters) = (trained.method.encoder, trained.method.encoderParameters)
        let (images, grid) = (pictures.images, encoder.grid)
        let (count, channels, height, width) = (images.shape[0], images.shape[1], images.shape[2], images.shape[3])
        var tape = Tape(engine: engine, recording: false)
        let run = encoder(images, parameters, keeping: [.attention, .layers], on: &tape)
        let tokens = tape.sliceRows(run.normed, encoder.prefix..<run.normed.shape[1]).value
        let colours = PatchColours(tokens.array, width: encoder.options.width)
        let geometry = AttentionMaps.Geometry(
            rows: grid.rows, columns: grid.columns, patchSize: encoder.options.patchSize, prefix: encoder.prefix)
        let constants = trained.recipe.data.writtenNormalization
        let output = run.layers[run.layers.count - 1].value
        let attention = run.attention.map(\.array)
        let heads = run.attention.first?.shape[1] ?? 0
        let scale = max(1, 128 / max(height, width))
        let rows = (0..<count).map { picture -> [ContactSheet.Picture] in
            let shown = ContactSheet.Picture(
                normalized: images.array, from: picture * channels * height * width, bands: bands, height: height,
                width: width, mean: constants.mean, deviation: constants.deviation
            ).enlarged(by: scale)
            func overlay(_ map: [Double]) -> ContactSheet.Picture {
                HeatMap.overlay(
                    map, rows: grid.rows, columns: grid.columns, on: shown,
                    .init(low: map.min() ?? 0, high: map.max() ?? 1))
            }
            let size = 3 * grid.count
            let patches = colours.map { Array($0.colours[picture * size..<(picture + 1) * size]) }
            let patchPicture = ContactSheet.Picture(
                height: grid.rows, width: grid.columns, samples: patches ?? [Float](repeating: 0.5, count: size))
            let maps = Self.maps(attention, picture: picture, heads: heads, geometry)
            let block = geometry.tokens * encoder.options.width
            let own = output.array[picture * block + encoder.prefix * encoder.options.width..<(picture + 1) * block]
            let cam = EigenCAM(own.map { Double($0) }, patches: grid.count, width: encoder.options.width)
            return [
                shown, patchPicture.enlarged(by: max(1, min(shown.height / grid.rows, shown.width / grid.columns))),
                overlay(maps.attention), overlay(maps.rollout), overlay(cam.display),
            ]
        }
        columns = [
            "picture", "patch tokens",
            encoder.options.classToken
                ? "class attention" : encoder.prefix > 0 ? "register attention" : "mean attention", "rollout",
            "Eigen-CAM",
        ]
        reading =
            "Patch tokens: their three strongest directions as colours, one basis for the whole sheet. Attention: of the last block, mean over "
            + "heads. Rollout: attention through all blocks (Abnar and Zuidema). Eigen-CAM: the strongest pattern of the tokens "
            + "(Muhammad and Yeasin). Yellow is the largest value of each map, dark blue the smallest."
        sheet = ContactSheet(
            rows: rows, scale: 1,
            captions: .init(
                title: ["What the encoder makes of pictures, after step \(trained.step)", reading], columns: columns))
    }

    /// Where the last block looks and where all blocks together do, a number a patch.
    private static func maps(
        _ attention: [[Float]], picture: Int, heads: Int, _ geometry: AttentionMaps.Geometry
    ) -> (attention: [Double], rollout: [Double]) {
        let size = geometry.tokens * geometry.tokens
        let blocks = attention.map { values in
            (0..<heads).map { head in
                values[(picture * heads + head) * size..<(picture * heads + head + 1) * size].map { Double($0) }
            }
        }
        let last = blocks[blocks.count - 1]
        let mean = (0..<size).map { place in last.reduce(0) { $0 + $1[place] } / Double(heads) }
        return (
            AttentionMaps.rolloutMap(mean, geometry),
            AttentionMaps.rolloutMap(AttentionMaps.rollout(blocks, tokens: geometry.tokens), geometry)
        )
    }
}
