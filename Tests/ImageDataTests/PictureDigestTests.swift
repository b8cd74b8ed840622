import ImageData
import Testing

/// Digests tell pictures that are the same, number by number.
struct PictureDigestTests {
    @Test func whatTellsPicturesApartIsInTheirDigest() {
        let samples: [DecodedImage.Samples] = [
            .uint8([1, 2, 3, 4, 5, 6]), .uint8([1, 2, 3, 4, 5, 7]), .int8([1, 2, 3, 4, 5, 6]),
            .uint16([1, 2, 3, 4, 5, 6]),
            .int16([1, 2, 3, 4, 5, 6]), .uint32([1, 2, 3, 4, 5, 6]), .int32([1, 2, 3, 4, 5, 6]),
            .float32([1, 2, 3, 4, 5, 6]),
        ]
        var pictures = samples.map { DecodedImage(height: 2, width: 3, channels: 1, samples: $0) }
        pictures.append(DecodedImage(height: 3, width: 2, channels: 1, samples: samples[0]))
        pictures.append(DecodedImage(height: 2, width: 1, channels: 3, samples: samples[0]))
        #expect(Set(pictures.map(\.digest)).count == pictures.count)
        // What was said beside the numbers does not count.
        var again = pictures[0]
        again.omissions = .alpha
        #expect(again.digest == pictures[0].digest && again.digest.count == 64)
    }
}
