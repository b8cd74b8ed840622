import ImageData

/// A reader of pictures in Swift: each page and each layout that a number in the input chooses.
func pictures(_ name: String, _ files: [String]) -> Target {
    Target(name: name, files: files.map { "Fixtures/picture-kinds/\($0)" }) { bytes, _ in
        var decoder = ImageDecoder(mostPixels: 1 << 20)
        decoder.appliesOrientation = true
        decoder.page = bytes.count % 3
        decoder.arrayLayout = ArrayLayout.allCases[bytes.count % ArrayLayout.allCases.count]
        guard let image = try? decoder.decode(bytes, path: "").image else { return }
        let (count, wanted) = (image.samples.count, image.height * image.width * image.channels)
        precondition(count == wanted, "\(count) samples instead of \(wanted)")
    }
}
