import Checkpoints
import Foundation
import ImageData
import RecipeSchema
import TensorBoardEvents

/// Event files of TensorBoard, byte by byte.
let eventRoutines: [GoldenRoutine] = [
    GoldenRoutine(["interop"], "tensorboard-events", tensorBoardEvents)
]

/// The seven events whose figures the case tells in words. Of the picture, which may be packed otherwise, the bytes are the file's
/// and the pixels are compared.
private func tensorBoardEvents(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    let digits = Array("123456789".utf8)
    func hexadecimal(_ number: UInt32) -> String {
        [24, 16, 8, 0].map { hexadecimal([UInt8(number >> $0 & 255)]) }.joined()
    }
    func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
    outcome.check("crc32c", try golden.value("crc32c_of_123456789").string == hexadecimal(CRC32C.of(digits)))
    outcome.check(
        "masked crc32c", try golden.value("masked_crc32c_of_123456789").string == hexadecimal(CRC32C.masked(digits)))
    let records = try golden.value("records_hex").array ?? []
    guard records.count == 7, let text = records[4].string else {
        throw GoldenError("there are \(records.count) records, expected are 7")
    }
    // The picture stands between the header of the record with tag, height, width and colours, and the check at its end.
    let picture = try bytes(text)
    let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    guard let start = (0..<max(0, picture.count - 12)).first(where: { picture[$0..<$0 + 8].elementsEqual(signature) })
    else { throw GoldenError("the record of the picture has no PNG") }
    let png = Array(picture[start..<picture.count - 4])
    let image = try ImageDecoder().decode(png, path: "record 4").image
    outcome.check("pixels", image.height == 4 && image.width == 6 && image.bytes() == (0..<72).map { UInt8($0) })
    let ours = try ImageDecoder().decode(
        PNGEncoder.encode((0..<72).map { UInt8($0) }, height: 4, width: 6, channels: 3), path: "ours"
    ).image
    outcome.check("our picture", ours == image)
    let start1970 = 1_700_000_000.0
    let events = [
        Event(time: start1970, .fileVersion),
        Event(time: start1970 + 1, step: 1, .scalar(tag: "train/loss", 0.5)),
        Event(time: start1970 + 2, step: 2, .scalar(tag: "train/loss", 0.25)),
        Event(time: start1970 + 300, step: 300, .scalar(tag: "train/loss", 0.125)),
        Event(
            time: start1970 + 2, step: 2, .image(tag: "pictures/recon", height: 4, width: 6, channels: 3, png: png)),
        Event(time: start1970 + 1, step: 1, .text(name: "recipe", "# recipe")),
        Event(
            time: start1970 + 2, step: 2,
            .histogram(
                tag: "weights",
                .init(
                    least: -1, largest: 2, count: 4, sum: 1.5, sumOfSquares: 3.5, limits: [0, 2], counts: [1, 3]))),
    ]
    for (number, event) in events.enumerated() {
        outcome.check("record \(number)", records[number].string == hexadecimal(event.record))
    }
    let file = golden.folder + "/" + (try golden.value("file").string ?? "")
    let whole = FileManager.default.contents(atPath: file).map { [UInt8]($0) }
    outcome.check("the file", whole == events.flatMap(\.record))
    return outcome
}

private func bytes(_ hexadecimal: String) throws -> [UInt8] {
    let digits = try hexadecimal.map { digit in
        guard let value = digit.hexDigitValue else { throw GoldenError("`\(digit)` is no hexadecimal digit") }
        return UInt8(value)
    }
    guard digits.count.isMultiple(of: 2) else { throw GoldenError("half a byte at the end of a record") }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}
