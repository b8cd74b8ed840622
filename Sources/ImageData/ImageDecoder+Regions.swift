import CPalimpsestImageCodecs

extension ImageDecoder {
    /// What the header of a file says of its picture, without decoding it.
    package struct Header {
        /// The format, told by content.
        package var format: ImageFormat
        /// Rows, of a picture that is turned upright where that is asked for.
        package var height: Int
        /// Columns.
        package var width: Int
    }

    /// Bytes of a file in which its size is looked for: headers are short, but those of JPEG hold whole small pictures.
    private static let starts = [1 << 12, 1 << 18]

    /// Reads the header of a file. It may promise what is not there; decoding tells.
    package func header(of path: FileName) throws(ImageError) -> Header {
        let file = try OpenFile(path)
        for count in Self.starts + [min(file.size, mostFileBytes)] {
            var start = [UInt8](repeating: 0, count: min(count, file.size))
            let read = try file.read(into: &start, at: 0)
            start.removeLast(start.count - read)
            let stated = start.withUnsafeBytes { (start) -> Result<Header?, ImageError> in
                Result { () throws(ImageError) in try header(start, of: file) }
            }
            guard let found = try stated.get() else { continue }
            // Beyond, sums of places and sizes could overflow; TIFF has no larger sides.
            guard (1...1 << 32).contains(found.height), (1...1 << 32).contains(found.width) else {
                throw ImageError(
                    .corrupt, path: file.path, "a header of \(found.height) x \(found.width) pixels (height x width)")
            }
            return found
        }
        throw ImageError(.corrupt, path: file.path, "there is no size in its header")
    }

    /// The header at the beginning of a file; nil where more of it is needed.
    private func header(_ start: UnsafeRawBufferPointer, of file: OpenFile) throws(ImageError) -> Header? {
        let format = try ImageFormat(of: start, file.path, nil)
        let isAll = start.count >= min(file.size, mostFileBytes)
        var size: (height: Int, width: Int)?
        var orientation = ImageOrientation.upright
        switch format {
        case .tiff:
            guard let numbers = TIFFNumbers(file) else { return nil }
            let directory = try TIFFDirectory(page: page, of: numbers, file.path, nil)
            size = directory.number(257).flatMap { height in directory.number(256).map { (height, $0) } }
            orientation = directory.orientation
        case .png: size = PNGHeader.size(of: start)
        case .jpeg:
            size = JPEGHeader.size(of: start)
            orientation = ImageOrientation(jpeg: start)
        case .webp:
            // The orientation stands behind the picture.
            guard isAll || !appliesOrientation else { return nil }
            size = WebPHeader.size(of: start)
            orientation = WebPHeader.orientation(of: start)
        case .npy:
            guard isAll || start.count > 1 << 17 || (try? NumPyHeader(start)) != nil else { return nil }
            size = try NumPyArray.size(of: start, layout: arrayLayout, file.path)
        }
        return size.map { size in
            let turns = appliesOrientation && orientation.exchangesAxes
            return Header(
                format: format, height: turns ? size.width : size.height, width: turns ? size.height : size.width)
        }
    }

    /// Decodes the pixels of a rectangle of a TIFF, upright where that is asked for. Only the tiles or strips that it touches are read,
    /// and the limits hold for the rectangle, whatever the size of the picture; a strip is decoded from its first line on.
    package func decode(tiff path: FileName, _ rectangle: CropRectangle) throws(ImageError) -> DecodedImage {
        let file = try OpenFile(path)
        guard let numbers = TIFFNumbers(file) else {
            throw ImageError(.notAnImage, path: file.path, "no TIFF any more; it was one when the source was opened")
        }
        let directory = try TIFFDirectory(page: page, of: numbers, file.path, nil)
        let orientation = appliesOrientation ? directory.orientation : .upright
        let (height, width) = (directory.number(257) ?? 0, directory.number(256) ?? 0)
        let swaps = orientation.exchangesAxes
        guard rectangle.fits(height: swaps ? width : height, width: swaps ? height : width) else {
            throw ImageError(
                .corrupt, path: file.path,
                "\(height) x \(width) pixels (height x width) have no tile at line \(rectangle.top), column \(rectangle.left); the "
                    + "file had others when the source was opened")
        }
        let stored = orientation.stored(rectangle, height: height, width: width)
        let sides = [stored.left, stored.top, stored.width, stored.height].map { UInt32(clamping: $0) }
        var region = pal_region(left: sides[0], top: sides[1], width: sides[2], height: sides[3])
        func work() -> Result<DecodedFile, ImageError> {
            Result { () throws(ImageError) in
                var limits = limits
                var decoded = pal_image()
                defer { pal_free(decoded.samples) }
                let status = file.withDescriptor {
                    pal_decode_tiff_region($0, UInt64(file.size), directory.offset, &region, &limits, &decoded)
                }
                return try Self.file(decoded, status, .tiff, file.path, nil)
            }
        }
        let bytes = directory.bytes(height: stored.height, width: stored.width)
        let image = try Self.inTurn(bytes: bytes, work).get().image
        try directory.requirePalette(image, file.path, nil)
        return image.turned(orientation)
    }
}
