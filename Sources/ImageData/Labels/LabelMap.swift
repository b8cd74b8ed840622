import CPalimpsestImageCodecs

/// The class of each pixel of a picture.
public struct LabelMap: Sendable, Equatable {
    /// The number of a pixel that has no class: it is neither learned from nor judged.
    public static let ignored: UInt16 = 255

    /// Rows.
    public let height: Int
    /// Columns.
    public let width: Int
    /// Numbers of classes [height, width], row by row; `ignored` where there is none.
    public let classes: [UInt16]

    /// A map of `height · width` numbers.
    public init(height: Int, width: Int, classes: [UInt16]) {
        precondition(
            height >= 1 && width >= 1 && classes.count == height * width,
            "\(classes.count) numbers do not make a map of \(height) x \(width) pixels")
        self.height = height
        self.width = width
        self.classes = classes
    }

    /// The map of a PNG file of one number a pixel: that of a palette, not its colours, or gray of 1 to 16 bits as it is stored,
    /// not spread. In 16 bits 65535 is `ignored`, too. `path` is for errors.
    public init(png bytes: [UInt8], path: String, limits decoder: ImageDecoder = ImageDecoder()) throws(ImageError) {
        let made = bytes.withUnsafeBytes { raw in
            Result { () throws(ImageError) in
                let format = try ImageFormat(of: raw, path, nil)
                guard format == .png, let start = raw.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
                    throw ImageError(
                        .unsupported, path: path,
                        "the label map is a \(format.rawValue) file; maps are PNG files with the number of a class in each pixel"
                    )
                }
                var limits = decoder.limits
                var decoded = pal_image()
                defer { pal_free(decoded.samples) }
                let status = pal_decode_png_indices(start, raw.count, &limits, &decoded)
                return try ImageDecoder.file(decoded, status, .png, path, nil).image
            }
        }
        let image = try made.get()
        switch image.samples {
        case .uint8(let values):
            self.init(height: image.height, width: image.width, classes: values.map(UInt16.init))
        case .uint16(let values):
            self.init(
                height: image.height, width: image.width, classes: values.map { $0 == .max ? Self.ignored : $0 })
        default:
            throw ImageError(.unsupported, path: path, "the label map has neither 8 nor 16 bits a pixel")
        }
    }

    /// The part inside a rectangle, which must lie in the map.
    func cropped(to rectangle: CropRectangle) -> LabelMap {
        var cut: [UInt16] = []
        cut.reserveCapacity(rectangle.height * rectangle.width)
        for row in rectangle.top..<(rectangle.top + rectangle.height) {
            let start = row * width + rectangle.left
            cut += classes[start..<(start + rectangle.width)]
        }
        return LabelMap(height: rectangle.height, width: rectangle.width, classes: cut)
    }
}

extension EvaluationTransform {
    /// The map as the transform shows its picture, at its size: each pixel has the class of the one that its centre falls into, and
    /// none where the picture was padded.
    public func shown(_ map: LabelMap) -> LabelMap {
        guard map.height != shape.height || map.width != shape.width else { return map }
        let place = CentreCrop(crop: (shape.height, shape.width)).geometry(height: map.height, width: map.width)
        func sources(_ count: Int, _ offset: Int, resized: Int, stored: Int) -> [Int?] {
            (0..<count).map { pixel in
                let target = pixel + offset
                guard (0..<resized).contains(target) else { return nil }
                return min(stored - 1, Int((Double(target) + 0.5) * Double(stored) / Double(resized)))
            }
        }
        let rows = sources(shape.height, place.top, resized: place.height, stored: map.height)
        let columns = sources(shape.width, place.left, resized: place.width, stored: map.width)
        var classes: [UInt16] = []
        classes.reserveCapacity(shape.height * shape.width)
        for row in rows {
            for column in columns {
                guard let row, let column else {
                    classes.append(LabelMap.ignored)
                    continue
                }
                classes.append(map.classes[row * map.width + column])
            }
        }
        return LabelMap(height: shape.height, width: shape.width, classes: classes)
    }
}
