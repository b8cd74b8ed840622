import Foundation
import ImageData
import RandomStreams
import TestSupport
import Testing

/// Whatever the bytes, a reader gives a value or an error of ours; a crash ends the whole test run.
struct HostileFileTests {
    private static let pictures =
        [
            "baseline_420.jpg", "progressive.jpg", "restart_markers.jpg", "arithmetic.jpg", "gray.jpg",
            "cmyk_adobe.jpg",
            "ycck_subsampled.jpg", "exif_orientation_6.jpg", "exif_thumbnail.jpg",
            "palette4_trns.png", "gray1.png", "gray16.png", "interlaced_gray8.png", "rgb8_trns.png",
        ]
        + (SharedFiles.isPresent
            ? ["interlaced_rgba16.png", "rgb16.png", "many_idat.png", "text_chunks.png", "iccp.png"] : [])
    private static let archives = [
        "ustar.tar", "pax_long_name.tar", "gnu_long_name.tar", "json_labels.tar", "base256_size.tar", "gzip.tar.gz",
        "gzip_two_members.tar.gz", "type08.idx", "type13.idx", "gz_without_suffix.idx", "cifar100.bin",
    ]

    private func bytes(_ collection: String, _ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: SharedFiles.collection(collection).appendingPathComponent(name)))
    }

    /// `count` damaged copies: cut short, bits flipped, pieces overwritten or moved.
    private func damaged(_ bytes: [UInt8], count: Int, _ random: inout RandomStream) -> [[UInt8]] {
        (0..<count).map { _ in
            var copy = bytes
            switch random.integer(below: 4) {
            case 0: copy.removeLast(1 + random.integer(below: copy.count))
            case 1:
                for _ in 0..<(1 + random.integer(below: 8)) {
                    copy[random.integer(below: copy.count)] ^= 1 << UInt8(random.integer(below: 8))
                }
            case 2:
                let start = random.integer(below: copy.count)
                for i in start..<min(copy.count, start + 1 + random.integer(below: 16)) {
                    copy[i] = UInt8(truncatingIfNeeded: random.next())
                }
            default:
                let start = random.integer(below: copy.count)
                let end = min(copy.count, start + 1 + random.integer(below: 64))
                copy.insert(contentsOf: copy[start..<end], at: random.integer(below: copy.count))
            }
            return copy
        }
    }

    @Test(arguments: pictures)
    func damagedPicturesDecodeOrFailCleanly(name: String) throws {
        let valid = try bytes("odd-images", name)
        var random = RandomStream(seed: 1).child(name)
        var decoder = ImageDecoder()
        decoder.appliesOrientation = true
        // A header that claims more than this file can hold would only cost time.
        decoder.mostPixels = 1_000_000
        for copy in damaged(valid, count: 400, &random) {
            guard let file = try? decoder.decode(copy, path: name) else { continue }
            #expect(file.image.samples.count == file.image.height * file.image.width * file.image.channels)
        }
    }

    @Test(arguments: pictures)
    func everyCutOfAPictureFailsOrGivesItsSize(name: String) throws {
        let valid = try bytes("odd-images", name)
        let whole = try? ImageDecoder().decode(valid, path: name).image
        // Every cut of the header; an array of its own each, so that address checking sees where it ends.
        let lengths = Set(0..<min(64, valid.count)).union(
            stride(from: 0, to: valid.count, by: max(1, valid.count / 300)))
        for length in lengths {
            guard let cut = try? ImageDecoder().decode([UInt8](valid[..<length]), path: name).image else { continue }
            #expect(cut == whole, "cut at \(length) of \(valid.count)")
        }
    }

    @Test(arguments: archives)
    func damagedArchivesReadOrFailCleanly(name: String) throws {
        let valid = try bytes("format-samples", name)
        var random = RandomStream(seed: 2).child(name)
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appendingPathComponent(name).path
        for copy in damaged(valid, count: 200, &random) {
            try Data(copy).write(to: URL(fileURLWithPath: path))
            if name.hasSuffix(".idx") {
                _ = try? IDXArray(file: path)
            } else if name.hasSuffix(".bin") {
                _ = try? CIFARSource(files: [path], variant: .cifar100)
            } else if let source = try? ShardSource(path) {
                for index in 0..<source.count { _ = try? source.image(index) }
            }
        }
    }

    @Test func aProgressiveFileWithHundredsOfScansIsRefused() throws {
        let valid = try bytes("odd-images", "progressive.jpg")
        // The last scan is between the last start-of-scan marker and the end marker.
        let start = try #require((0..<(valid.count - 1)).last { valid[$0] == 0xFF && valid[$0 + 1] == 0xDA })
        let end = try #require((0..<(valid.count - 1)).last { valid[$0] == 0xFF && valid[$0 + 1] == 0xD9 })
        func repeating(_ count: Int) -> [UInt8] {
            valid[..<start] + (0..<count).flatMap { _ in valid[start..<end] } + valid[end...]
        }
        #expect(try ImageDecoder().decode(repeating(20), path: "twenty").image.width == 53)
        let error = try #require(throws: ImageError.self) { try ImageDecoder().decode(repeating(200), path: "many") }
        #expect(error.reason == .tooLarge && error.message.contains("100 scans"))
    }

    @Test func hostileFilesTakeLittleTime() throws {
        let folder = SharedFiles.collection("odd-images")
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path) {
            let file = try bytes("odd-images", name)
            let seconds = processorSeconds { _ = try? ImageDecoder().decode(file, path: name) }
            #expect(seconds < 2, "\(name)")
        }
    }
}
