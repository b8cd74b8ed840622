import Foundation
import ImageData
import TestSupport
import Testing

/// TIFF files made entry by entry, whose headers may say anything.
private struct TIFFWriter {
    var entries: [(tag: UInt16, type: UInt16, count: UInt32, value: UInt32)] = []
    /// Place of the next directory; nil for none.
    var next: UInt32 = 0
    var content: [UInt8] = []

    init(width: UInt32, height: UInt32, bits: UInt32 = 8, bands: UInt32 = 1, more: [UInt16: UInt32] = [:]) {
        var tags: [UInt16: UInt32] = [
            256: width, 257: height, 258: bits, 259: 1, 262: 1, 273: 300, 277: bands, 278: height, 279: 64,
        ]
        tags.merge(more) { $1 }
        entries = tags.sorted { $0.key < $1.key }.map { ($0.key, 4, 1, $0.value) }
    }

    var bytes: [UInt8] {
        func little(_ value: UInt32, _ bytes: Int) -> [UInt8] {
            (0..<bytes).map { UInt8(truncatingIfNeeded: value >> UInt32(8 * $0)) }
        }
        var made: [UInt8] = Array("II*\0".utf8) + little(8, 4) + little(UInt32(entries.count), 2)
        for entry in entries {
            made += little(UInt32(entry.tag), 2) + little(UInt32(entry.type), 2) + little(entry.count, 4)
            made += little(entry.value, 4)
        }
        made += little(next, 4)
        return made + [UInt8](repeating: 1, count: 300 - made.count) + [UInt8](repeating: 7, count: 64) + content
    }
}

private func header(_ shape: String, type: String = "|u1", order: String = "False", count: Int) -> [UInt8] {
    let text = "{'descr': '\(type)', 'fortran_order': \(order), 'shape': \(shape), }"
    return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.utf8.count), 0] + Array(text.utf8)
        + [UInt8](repeating: 1, count: count)
}

@Suite struct PictureLimitTests {
    private func fault(_ bytes: [UInt8], _ decoder: ImageDecoder = ImageDecoder()) throws -> ImageError {
        var error: ImageError?
        let seconds = processorSeconds {
            error = #expect(throws: ImageError.self) { try decoder.decode(bytes, path: "made") }
        }
        #expect(seconds < 2)
        return try #require(error)
    }

    #if TIFF
    @Test func theWriterOfTheseTestsMakesAPicture() throws {
        let image = try ImageDecoder().decode(TIFFWriter(width: 8, height: 8).bytes, path: "made").image
        #expect(image.bytes() == [UInt8](repeating: 7, count: 64))
    }

    @Test func headersThatPromiseTooMuchAreRefusedBeforeAnythingIsAllocated() throws {
        for (width, height, bits, bands, more) in [
            (65_500, 65_500, 8, 1, [:]), (70_000, 1, 8, 1, [:]), (8_000, 8_000, 32, 64, [:]),
            (60_000, 1000, 16, 3, [:]), (8, 8, 8, 1, [322: 65_488, 323: 65_488, 324: 300, 325: 64]),
            (8, 8, 8, 1, [322: 0xFFFF_FFF0, 323: 0xFFFF_FFF0, 324: 300, 325: 64]),
        ] as [(UInt32, UInt32, UInt32, UInt32, [UInt16: UInt32])] {
            let error = try fault(
                TIFFWriter(width: width, height: height, bits: bits, bands: bands, more: more).bytes)
            #expect([.tooLarge, .corrupt].contains(error.reason), "\(width) x \(height), \(bands): \(error)")
        }
    }

    @Test func variantsThatAreNotReadAreNamed() throws {
        for (more, words) in [
            ([258: 24], "24 bits"), ([259: 34_712], "34712"), ([262: 8], "PhotometricInterpretation 8"),
            ([262: 5, 277: 4], "CMYK"), ([277: 65], "65 bands"),
        ] as [([UInt16: UInt32], String)] {
            let error = try fault(TIFFWriter(width: 2, height: 2, more: more).bytes)
            #expect(error.reason == .unsupported && error.message.contains(words), "\(error)")
        }
    }

    @Test func aChainOfPagesThatBitesItsTailEnds() throws {
        var writer = TIFFWriter(width: 8, height: 8)
        writer.next = 8
        var decoder = ImageDecoder()
        #expect(try decoder.decode(writer.bytes, path: "").image.width == 8)
        decoder.page = 60_000
        let error = try #require(throws: ImageError.self) { try decoder.decode(writer.bytes, path: "") }
        #expect(error.message.contains("there is no page 60000, counted from 0; the file has 1"))
    }

    @Test func cutFilesAreToldFromDamagedOnes() throws {
        let bytes = TIFFWriter(width: 8, height: 8).bytes
        #expect(try fault(Array(bytes[..<340])).reason == .truncated)
        #expect(try fault(Array(bytes[..<60])).reason == .truncated)
    }
    #endif

    @Test func theLimitOfPixelsCanBeRaisedAndItsMessageSaysHow() throws {
        let array = header("(30, 40)", count: 1200)
        var decoder = ImageDecoder(mostPixels: 1000)
        let error = try fault(array, decoder)
        #expect(error.reason == .tooLarge && error.message.contains("1200 pixels; the limit is 1000"))
        #expect(error.message.contains("data.max_pixels"))
        decoder = ImageDecoder(mostPixels: 1200)
        #expect(try decoder.decode(array, path: "").image.width == 40)
        let larger = ImageDecoder(mostPixels: 200_000_000)
        #expect(larger.mostMemory == 800_000_000 && larger.mostFileBytes == 800_000_000)
        var options = DataOptions()
        options.mostPixels = 77
        #expect(options.decoder.mostPixels == 77)
    }

    @Test func arraysAreReadOrRefusedWithAWordOnHow() throws {
        for (bytes, reason, words) in [
            (header("(32, 32, 3)", count: 3072), .unsupported, "data.npy_layout"),
            (header("(100, 100, 100)", count: 10), .unsupported, "neither first nor last"),
            (header("(2, 2, 2, 2)", count: 16), .unsupported, "[height, width]"),
            (header("()", count: 1), .unsupported, "single number"),
            (header("(2, 2)", type: "<i8", count: 32), .unsupported, "astype"),
            (header("(2, 2)", type: "|O", count: 32), .unsupported, "`|O`"),
            (header("(0, 2)", count: 2), .corrupt, "without a number"),
            (header("(2, 2)", count: 3), .truncated, "need 4 bytes, and 3"),
            (header("(65500, 65500)", count: 3), .tooLarge, "pixels"),
            (header("(99999999999999999999, 2)", count: 3), .corrupt, "dictionary"),
            (header("(9223372036854775807, 2, 2)", count: 3), .tooLarge, "pixels"),
            (header("(2, 2)", order: "Maybe", count: 4), .corrupt, "dictionary"),
            ([0x93] + Array("NUMPY".utf8) + [9, 0, 2, 0, 0x7B, 0x7D], .unsupported, "version 9"),
            (Array([0x93] + Array("NUM".utf8)), .truncated, "signature"),
        ] as [([UInt8], ImageError.Reason, String)] {
            let error = try fault(bytes)
            #expect(error.reason == reason && error.message.contains(words), "\(error)")
        }
        var told = ImageDecoder()
        told.arrayLayout = .chw
        #expect(try told.decode(header("(3, 4, 5)", count: 60), path: "").image.channels == 3)
        // NumPy allows more behind the array, such as a second one.
        #expect(try told.decode(header("(2, 2)", count: 9), path: "").image.bytes() == [1, 1, 1, 1])
    }
}
