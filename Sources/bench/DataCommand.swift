#if Commands
import ArgumentParser
import Foundation
import ImageData
import RandomStreams
import RecipeSchema

/// `bench data`: what a picture takes before it is trained on.
struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data",
        abstract: "Time decoding, and cropping, flipping and normalising, of one picture after another.",
        discussion: """
            Example: bench data --data images:photos --size 224
            On one core, one JSON object a format: built-in pictures as PNG and JPEG at sides of 32, 224 and 512, or the files \
            of a folder. The crop is MAE's (an area of 0.2 to 1, bicubic), to --size pixels.
            """)

    @Option(help: "Files: images:FOLDER; built-in pictures where it is not given.")
    var data: String?

    @Option(help: "Side of the crop.")
    var size = 224

    @Option(help: "Pictures of a format.")
    var count = 200

    func validate() throws {
        if size < 1 || count < 1 { throw ValidationError("--size and --count must be at least 1") }
    }

    func run() throws {
        if let data { return try files(data) }
        for side in [32, 224, 512] {
            let source = ProceduralSource(part: .train, count: 24, size: side)
            let pictures = try (0..<24).map { try source.image($0) }
            try report("png", side, pictures.map { try PNGEncoder.encode($0) })
            try report(
                "jpeg", side,
                pictures.map { try JPEGEncoder.encode($0.bytes(), height: side, width: side, quality: 90) })
        }
    }

    private func files(_ argument: String) throws {
        let path = argument.hasPrefix("images:") ? String(argument.dropFirst("images:".count)) : argument
        var formats: [String: [[UInt8]]] = [:]
        let found = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String }.sorted() ?? []
        for name in found {
            let format = (name as NSString).pathExtension.lowercased()
            guard !format.isEmpty, (formats[format]?.count ?? 0) < count,
                let bytes = FileManager.default.contents(atPath: "\(path)/\(name)")
            else { continue }
            formats[format, default: []].append([UInt8](bytes))
        }
        if formats.isEmpty { throw ValidationError("\(path) holds no files; name a folder of pictures") }
        for (format, files) in formats.sorted(by: { $0.key < $1.key }) { try report(format, nil, files) }
    }

    private func report(_ format: String, _ side: Int?, _ files: [[UInt8]]) throws {
        let decoder = ImageDecoder()
        let normalization = Normalization.imageNet
        var (decoding, cropping, seen) = (0.0, 0.0, 0)
        for number in 0..<count {
            let start = ContinuousClock.now
            guard let picture = try? decoder.decode(files[number % files.count], path: format).image else { continue }
            let decoded = ContinuousClock.now
            let transform = TrainingTransform(
                shape: (picture.channels, size, size), crop: RandomResizedCrop(scale: 0.2...1), flip: true,
                normalization: picture.channels == 3 ? normalization : Normalization(mean: [0.5], deviation: [0.25]))
            var target = [Float](repeating: 0, count: picture.channels * size * size)
            target.withUnsafeMutableBufferPointer {
                transform.write(picture, random: RandomStream(seed: UInt64(number)), into: $0)
            }
            decoding += (decoded - start) / .seconds(1)
            cropping += (ContinuousClock.now - decoded) / .seconds(1)
            seen += 1
        }
        guard seen > 0 else { return }
        print(
            JSONValue.object([
                ("format", JSONValue(format)), ("side", side.map { JSONValue($0) } ?? .null), ("crop", JSONValue(size)),
                ("pictures", JSONValue(seen)), ("decode_ms", rounded(1000 * decoding / Double(seen))),
                ("crop_ms", rounded(1000 * cropping / Double(seen))),
                ("images_per_s_and_core", rounded(Double(seen) / (decoding + cropping))),
            ]).text())
    }
}
#endif
