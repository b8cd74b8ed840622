import Foundation
import ImageData
import TestSupport
import Testing

/// What a file of `datasets/odd-images` must give.
struct OddImage: Decodable, Sendable, CustomTestStringConvertible {
    struct Values: Decodable, Sendable {
        var width: Int
        var height: Int
        var mean: [Double]
        var quadrants: [[Double]]
    }
    var must: String
    var reason: String?
    var reasons: [String]?
    var width: Int?
    var height: Int?
    var channels: Int?
    var mean: [Double]?
    var quadrants: [[Double]]?
    var tolerance: Double?
    var oriented: Values?
    var name: String? = nil

    var testDescription: String { name ?? "" }

    /// All of them where the shared folder is; else the few that are shipped.
    static let all = read(SharedFiles.collection("odd-images"))

    static func read(_ folder: URL) -> [OddImage] {
        struct File: Decodable { var files: [String: OddImage] }
        guard let text = try? Data(contentsOf: folder.appendingPathComponent("expected.json")),
            let file = try? JSONDecoder().decode(File.self, from: text)
        else { return [] }
        return file.files.map { name, image in
            var image = image
            image.name = name
            return image
        }.sorted { ($0.name ?? "") < ($1.name ?? "") }
    }
}

struct OddImageTests {
    /// Files that the collection expects to be refused, from before their formats were read.
    private static let readSince = ["tiff_name.jpg", "webp_name.jpg"]

    @Test func thereAreAllOfThem() {
        #expect(OddImage.read(SharedFiles.shipped("odd-images")).count == 25)
        #expect(OddImage.all.count == (SharedFiles.isPresent ? 146 : 25))
    }

    @Test(arguments: OddImage.all)
    func oddFileGivesItsPictureOrItsError(_ odd: OddImage) throws {
        let path = SharedFiles.collection("odd-images").appendingPathComponent(try #require(odd.name)).path
        let result = Result { () throws(ImageError) in try ImageDecoder().decode(file: path) }
        switch result {
        case .success(let file) where Self.readSince.contains(odd.name ?? ""):
            #expect(["tiff", "webp"].contains(file.format.rawValue))
        case .success(let file):
            #expect(odd.must != "error", "decoded, but must fail")
            let image = file.image
            #expect(image.width == odd.width && image.height == odd.height && image.channels == odd.channels)
            if let mean = odd.mean, let quadrants = odd.quadrants {
                check(image, mean, quadrants, try #require(odd.tolerance))
            }
        case .failure(let error):
            #expect(odd.must != "decode", "\(error)")
            let allowed = odd.reasons ?? [odd.reason ?? ""]
            #expect(allowed.contains(error.reason.rawValue), "\(error); allowed are \(allowed)")
            #expect(!error.message.isEmpty)
        }
    }

    @Test(arguments: OddImage.all.filter { $0.oriented != nil })
    func orientationIsAppliedOnRequest(_ odd: OddImage) throws {
        var decoder = ImageDecoder()
        decoder.appliesOrientation = true
        let image = try decoder.decode(
            file: SharedFiles.collection("odd-images").appendingPathComponent(try #require(odd.name)).path
        ).image
        let want = try #require(odd.oriented)
        #expect(image.width == want.width && image.height == want.height)
        check(image, want.mean, want.quadrants, try #require(odd.tolerance))
    }

    private func check(_ image: DecodedImage, _ mean: [Double], _ quadrants: [[Double]], _ tolerance: Double) {
        let means = image.channelMeans()
        #expect(zip(means, mean).allSatisfy { abs($0 - $1) <= tolerance }, "mean \(means), not \(mean)")
        let (h, w) = (image.height / 2, image.width / 2)
        let places = [
            (0, 0, h, w), (0, w, h, image.width - w), (h, 0, image.height - h, w),
            (h, w, image.height - h, image.width - w),
        ]
        for ((top, left, height, width), want) in zip(places, quadrants) where height > 0 && width > 0 {
            let part = image.cropped(to: CropRectangle(top: top, left: left, height: height, width: width))
            let got = part.channelMeans()
            #expect(zip(got, want).allSatisfy { abs($0 - $1) <= tolerance }, "quadrant \(got), not \(want)")
        }
    }
}
