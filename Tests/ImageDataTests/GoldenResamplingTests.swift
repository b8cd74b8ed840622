import Foundation
import ImageData
import TestSupport
import Testing

/// Resampling and geometry against the values of Pillow, torch and torchvision.
@Suite(.enabled(if: SharedFiles.isPresent))
struct GoldenResamplingTests {
    private func largest(_ a: [Double], _ b: [Double]) -> Double {
        a.count == b.count ? zip(a, b).map { abs($0 - $1) }.max() ?? 0 : .infinity
    }

    private func image(_ tensors: GoldenTensors, _ name: String) throws -> DecodedImage {
        let shape = try tensors.shape(name)
        return DecodedImage(
            height: shape[0], width: shape[1], channels: shape[2], samples: .uint8(try tensors.bytes(name)))
    }

    /// A [C, H, W] tensor as a picture.
    private func planar(_ tensors: GoldenTensors, _ name: String) throws -> DecodedImage {
        let shape = try tensors.shape(name)
        let bytes = try tensors.bytes(name)
        let (c, h, w) = (shape[0], shape[1], shape[2])
        let interleaved = (0..<(h * w * c)).map { bytes[($0 % c) * h * w + $0 / c] }
        return DecodedImage(height: h, width: w, channels: c, samples: .uint8(interleaved))
    }

    private func planes(_ image: DecodedImage) -> [Double] {
        let values: [Double] =
            switch image.samples {
            case .uint8(let values): values.map(Double.init)
            case .uint16(let values): values.map(Double.init)
            case .float32(let values): values.map(Double.init)
            default: image.unitSamples().map(Double.init)
            }
        let pixels = image.height * image.width
        return (0..<values.count).map { values[($0 % pixels) * image.channels + $0 / pixels] }
    }

    @Test(arguments: [ResamplingFilter.bicubic, .bilinear])
    func eightBitResizeIsPillowsByteForByte(filter: ResamplingFilter) throws {
        let tensors = try GoldenTensors("resize-pillow")
        #expect(tensors.cases.count == 13)
        for entry in tensors.cases {
            let index = try #require(entry["index"] as? Int)
            let size = try #require(entry["out"] as? [Int])
            let box = entry["box"] as? [Double]
            let resized = Resampling.resize(
                try image(tensors, "in/\(index)"), height: size[0], width: size[1], filter: filter,
                box: box.map { ($0[0], $0[1], $0[2], $0[3]) })
            #expect(resized.samples == .uint8(try tensors.bytes("out/\(index)/\(filter.rawValue)")), "case \(index)")
        }
    }

    @Test(arguments: [ResamplingFilter.bicubic, .bilinear])
    func floatResizeIsTorchs(filter: ResamplingFilter) throws {
        let tensors = try GoldenTensors("resize-tensor")
        #expect(tensors.cases.count == 10)
        for entry in tensors.cases {
            let index = try #require(entry["index"] as? Int)
            let size = try #require(entry["out"] as? [Int])
            let bytes = try planar(tensors, "in/\(index)")
            let floats = DecodedImage(
                height: bytes.height, width: bytes.width, channels: bytes.channels,
                samples: .float32(bytes.unitSamples()))
            let resized = Resampling.resize(floats, height: size[0], width: size[1], filter: filter)
            let want = try tensors.numbers("float/\(index)/\(filter.rawValue)")
            #expect(largest(planes(resized), want) < 2e-6, "case \(index)")
            let rounded = Resampling.resize(bytes, height: size[0], width: size[1], filter: filter)
            #expect(largest(planes(rounded), try tensors.numbers("uint8/\(index)/\(filter.rawValue)")) <= 2)
        }
    }

    @Test func cropRectanglesFollowFromTheirDraws() throws {
        let tensors = try GoldenTensors("random-resized-crop")
        let draws = try tensors.numbers("draw/uniform")
        let options = try tensors.numbers("in/scale_ratio")
        let want = try tensors.numbers("out/params").map { Int($0) }
        for row in 0..<(try tensors.shape("draw/uniform")[0]) {
            let crop = RandomResizedCrop(
                scale: options[4 * row]...options[4 * row + 1], ratio: options[4 * row + 2]...options[4 * row + 3])
            let wanted = Array(want[(7 * row)..<(7 * row + 7)])
            let got = crop.rectangle(height: wanted[0], width: wanted[1]) { attempt in
                let base = (row * 10 + attempt) * 4
                return (draws[base], draws[base + 1], draws[base + 2], draws[base + 3])
            }
            let r = got.rectangle
            #expect([r.top, r.left, r.height, r.width, got.tries] == Array(wanted[2...]), "row \(row)")
        }
    }

    @Test func evaluationGeometryIsTorchvisions() throws {
        let tensors = try GoldenTensors("eval-transform")
        let rows = try tensors.numbers("out/geometry").map { Int($0) }
        for row in 0..<(rows.count / 8) {
            let r = Array(rows[(8 * row)..<(8 * row + 8)])
            let crop = CentreCrop(resize: (r[2], r[2]), crop: (r[3], r[3]))
            let got = crop.geometry(height: r[0], width: r[1])
            #expect([got.height, got.width, got.top, got.left] == Array(r[4...]), "row \(row)")
        }
        for entry in tensors.cases {
            let index = try #require(entry["index"] as? Int)
            let resize = try #require(entry["resize"] as? Int)
            let size = try #require(entry["crop"] as? Int)
            let picture = try image(tensors, "in/\(index)")
            let place = CentreCrop(resize: (resize, resize), crop: (size, size))
                .geometry(height: picture.height, width: picture.width)
            let resized = Resampling.resize(picture, height: place.height, width: place.width)
            let got = Normalization.imageNet.normalized(
                resized, height: size, width: size, top: place.top, left: place.left)
            #expect(largest(got.map(Double.init), try tensors.numbers("out/\(index)")) < 2e-6)
        }
    }

    @Test func trainingCropsFirstAndResizesThen() throws {
        let tensors = try GoldenTensors("train-transform")
        for entry in tensors.cases {
            let index = try #require(entry["index"] as? Int)
            let size = try #require(entry["size"] as? Int)
            let scale = try #require(entry["scale"] as? [Double])
            let ratio = try #require(entry["ratio"] as? [Double])
            let flip = try #require(entry["flip"] as? Bool)
            let wanted = try #require(entry["crop"] as? [Int])
            let draws = try tensors.numbers("draw/\(index)/uniform")
            let picture = try image(tensors, "in/\(index)")
            let crop = RandomResizedCrop(scale: scale[0]...scale[1], ratio: ratio[0]...ratio[1])
            let (r, _) = crop.rectangle(height: picture.height, width: picture.width) {
                (draws[4 * $0], draws[4 * $0 + 1], draws[4 * $0 + 2], draws[4 * $0 + 3])
            }
            #expect([r.top, r.left, r.height, r.width] == wanted)
            let resized = Resampling.resize(picture, height: size, width: size, rectangle: r)
            let turned = flip ? resized.flippedLeftRight() : resized
            #expect(turned.samples == .uint8(try tensors.bytes("out/\(index)/uint8")))
            #expect(Resampling.resize(picture.cropped(to: r), height: size, width: size) == resized)
            let got = Normalization.imageNet.normalized(resized, height: size, width: size, mirrored: flip)
            #expect(largest(got.map(Double.init), try tensors.numbers("out/\(index)/normalised")) < 2e-6)
        }
    }

    @Test func reducedJPEGDecodesAreTheLibrarys() throws {
        let tensors = try GoldenTensors("jpeg-scaled")
        for entry in tensors.cases {
            let index = try #require(entry["index"] as? Int)
            let file = try tensors.bytes("in/\(index)/jpeg")
            for (reduction, name, tolerance) in [
                (1, "full", 1.0), (2, "scaled2", 2), (4, "scaled4", 2), (8, "scaled8", 2),
            ] {
                let picture = try ImageDecoder().decode(file, path: "case \(index)") { _, _ in reduction }.image
                #expect(try [picture.height, picture.width, 3] == tensors.shape("out/\(index)/\(name)"))
                let want = try tensors.numbers("out/\(index)/\(name)")
                #expect(largest(picture.bytes().map(Double.init), want) <= tolerance, "case \(index), \(name)")
            }
        }
    }
}
