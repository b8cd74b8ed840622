package import Evaluation
package import ImageData
package import Pretraining
import RandomStreams
import Reporting

/// Pictures of a source as an encoder sees them, to be drawn on sheets.
package struct SheetPictures {
    private let source: any ImageSource
    private let transform: EvaluationTransform
    private let constants: (mean: [Double], deviation: [Double])
    private let samples: [Int]
    private let bands: [Int]

    /// The longest side of a picture on a sheet, in pixels of the picture.
    private static let longest = 224
    /// The shortest side that a picture is enlarged to, so that names fit below it.
    private static let shortest = 192

    /// The pictures of a table of features of a source, as a transform shows them, with some bands as red, green and blue.
    package init(
        _ source: any ImageSource, _ table: FeatureTable, _ recipe: Recipe, _ transform: EvaluationTransform,
        bands: [Int]? = nil
    ) {
        self.bands = bands ?? ContactSheet.usualBands(of: transform.shape.channels)
        self.source = source
        self.transform = transform
        let written = recipe.data.writtenNormalization
        constants = (written.mean, written.deviation)
        samples = table.samples(of: source.count)
    }

    /// The normalised numbers of the picture of a row.
    func numbers(_ row: Int) throws -> [Float] {
        let image = try source.image(samples[row], channels: transform.shape.channels)
        guard let numbers = transform(image, random: RandomStream(seed: 0)) else {
            throw RunError(.data, "\(source.key(samples[row])) has other channels than the encoder sees")
        }
        return numbers
    }

    /// The picture of a row, no side longer than so many pixels.
    func picture(_ row: Int, within longest: Int) throws -> ContactSheet.Picture {
        let (_, height, width) = transform.shape
        let whole = ContactSheet.Picture(
            normalized: try numbers(row), from: 0, bands: bands, height: height,
            width: width, mean: constants.mean, deviation: constants.deviation)
        return whole.reduced(toFit: longest)
    }

    /// The picture of a row, enlarged where it is small.
    func picture(_ row: Int) throws -> ContactSheet.Picture {
        let small = try picture(row, within: Self.longest)
        let sides = max(small.height, small.width)
        return small.enlarged(by: max(1, (Self.shortest + sides - 1) / sides))
    }

    /// What is said where pictures have other bands than colours; nil for gray and RGB.
    var bandNote: String? {
        let channels = transform.shape.channels
        return [1, 3].contains(channels) ? nil : "of \(channels) bands the first is drawn, in gray"
    }
}

extension ContactSheet {
    /// A picture with what is written below it.
    typealias Shown = (picture: Picture, lines: [String])

    /// The PNG of rows of pictures with a title above each row.
    static func png(
        title: [String], columns: [String] = [], legend: Picture? = nil, rows: [(title: String, pictures: [Shown])]
    ) throws(ImageError) -> [UInt8] {
        var captions = Captions(
            title: title, columns: columns, rows: rows.map(\.title),
            pictures: rows.map { $0.pictures.map(\.lines) })
        captions.legend = legend
        return try ContactSheet(rows: rows.map { $0.pictures.map(\.picture) }, scale: 1, captions: captions).png()
    }
}
