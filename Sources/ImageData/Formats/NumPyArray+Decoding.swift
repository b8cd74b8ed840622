/// A picture in NumPy's `.npy` form: [height, width], [height, width, bands] or [bands, height, width].
enum NumPyArray {
    /// The picture of a file.
    static func decode(
        _ file: UnsafeRawBufferPointer, layout: ArrayLayout, limits: ImageDecoder, _ path: String, _ member: String?
    ) throws(ImageError) -> (image: DecodedImage, bits: Int) {
        do throws(NumPyHeader.Fault) {
            let header = try NumPyHeader(file)
            return (try decode(file, header, layout, limits), header.size * 8)
        } catch {
            throw ImageError(error.reason, path: path, member: member, error.message)
        }
    }

    /// Bytes of the numbers, by the header; 0 where there is none to read.
    static func bytes(of file: UnsafeRawBufferPointer) -> Int {
        guard let header = try? NumPyHeader(file) else { return 0 }
        return product(header.shape + [header.size]) ?? Int.max
    }

    /// Rows and columns, by the header at the beginning of a file.
    static func size(
        of start: UnsafeRawBufferPointer, layout: ArrayLayout, _ path: String
    ) throws(ImageError) -> (height: Int, width: Int) {
        do throws(NumPyHeader.Fault) {
            let header = try NumPyHeader(start)
            let axes = try axes(header, layout)
            return (header.shape[axes.rows], header.shape[axes.columns])
        } catch {
            throw ImageError(error.reason, path: path, error.message)
        }
    }

    /// Which axis is height, width and bands; the last is nil for gray.
    private static func axes(
        _ header: NumPyHeader, _ layout: ArrayLayout
    ) throws(NumPyHeader.Fault) -> (rows: Int, columns: Int, bands: Int?) {
        let shape = header.shape
        let words = "an array of \(shape.map(String.init).joined(separator: " x "))"
        let told = "data.npy_layout (--npy-layout of the data commands)"
        switch (shape.count, layout) {
        case (2, _): return (0, 1, nil)
        case (3, .hwc): return (0, 1, 2)
        case (3, .chw): return (1, 2, 0)
        case (3, .auto):
            let fits = [shape[0], shape[2]].map { $0 <= DecodedImage.mostChannels }
            if fits[0] != fits[1] { return fits[0] ? (1, 2, 0) : (0, 1, 2) }
            throw NumPyHeader.Fault(
                reason: .unsupported,
                message: fits[0]
                    ? "\(words), of which first and last axis may both be the bands; set \(told) to hwc (height, width, "
                        + "bands) or chw (bands, height, width)"
                    : "\(words), of which neither first nor last axis can be the bands: a picture has at most "
                        + "\(DecodedImage.mostChannels)")
        default:
            throw NumPyHeader.Fault(
                reason: .unsupported,
                message: "\(shape.isEmpty ? "a single number" : words); a picture is [height, width], [height, width, "
                    + "bands] or [bands, height, width], one a file")
        }
    }

    private static func decode(
        _ file: UnsafeRawBufferPointer, _ header: NumPyHeader, _ layout: ArrayLayout, _ limits: ImageDecoder
    ) throws(NumPyHeader.Fault) -> DecodedImage {
        let shape = header.shape
        let axes = try axes(header, layout)
        let (height, width) = (shape[axes.rows], shape[axes.columns])
        let bands = axes.bands.map { shape[$0] } ?? 1
        guard height >= 1, width >= 1, bands >= 1 else {
            throw NumPyHeader.Fault(reason: .corrupt, message: "an array of \(shape), without a number")
        }
        guard bands <= DecodedImage.mostChannels else {
            throw NumPyHeader.Fault(
                reason: .unsupported,
                message: "an array of \(height) x \(width) pixels with \(bands) bands; a picture has at most "
                    + "\(DecodedImage.mostChannels). Is data.npy_layout the other one?")
        }
        // Numbers of 2 and of 8 bytes with a point become such of 4.
        let sampleBytes = header.kind == "f" ? 4 : header.size
        if let message = limits.excess(height: height, width: width, bytes: bands * sampleBytes) {
            throw NumPyHeader.Fault(reason: .tooLarge, message: message)
        }
        let bytes = height * width * bands * header.size
        guard file.count - header.start >= bytes else {
            throw NumPyHeader.Fault(
                reason: .truncated,
                message: "\(height) x \(width) pixels of \(bands) bands need \(bytes) bytes, and "
                    + "\(file.count - header.start) are there")
        }
        var strides = [Int](repeating: 1, count: shape.count)
        if header.isFortran {
            for axis in strides.indices.dropFirst() { strides[axis] = strides[axis - 1] * shape[axis - 1] }
        } else {
            for axis in strides.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
        }
        let numbers = Numbers(
            content: UnsafeRawBufferPointer(rebasing: file[header.start...]), isSwapped: header.isBigEndian,
            size: (height, width, bands),
            strides: (strides[axes.rows], strides[axes.columns], axes.bands.map { strides[$0] } ?? 0))
        let samples: DecodedImage.Samples =
            switch (header.kind, header.size) {
            case ("u", 1): .uint8(numbers.gather(UInt8.self) { $0 })
            case ("u", 2): .uint16(numbers.gather(UInt16.self) { $0 })
            case ("u", _): .uint32(numbers.gather(UInt32.self) { $0 })
            case ("i", 1): .int8(numbers.gather(UInt8.self) { Int8(bitPattern: $0) })
            case ("i", 2): .int16(numbers.gather(UInt16.self) { Int16(bitPattern: $0) })
            case ("i", _): .int32(numbers.gather(UInt32.self) { Int32(bitPattern: $0) })
            case (_, 2): .float32(numbers.gather(UInt16.self) { Self.half($0) })
            case (_, 4): .float32(numbers.gather(UInt32.self) { Float(bitPattern: $0) })
            default: .float32(numbers.gather(UInt64.self) { Float(Double(bitPattern: $0)) })
            }
        return DecodedImage(height: height, width: width, channels: bands, samples: samples)
    }

    /// The number with the bits of half precision: `Float16` is not there on every machine.
    private static func half(_ bits: UInt16) -> Float {
        let fraction = Float(bits & 0x3FF)
        let exponent = Int(bits >> 10 & 0x1F)
        let size: Float =
            switch exponent {
            case 0: fraction * 0x1p-24
            case 31: fraction == 0 ? .infinity : .nan
            default: (fraction + 1024) * Float(sign: .plus, exponent: exponent - 25, significand: 1)
            }
        return bits & 0x8000 == 0 ? size : -size
    }

    /// The product of sizes; nil where it is no number.
    private static func product(_ sizes: [Int]) -> Int? {
        sizes.reduce(Optional(1)) { sum, size in
            sum.flatMap {
                let product = $0.multipliedReportingOverflow(by: size)
                return product.overflow ? nil : product.partialValue
            }
        }
    }

    /// Numbers that lie in any order, and their places in a picture.
    private struct Numbers {
        var content: UnsafeRawBufferPointer
        var isSwapped: Bool
        var size: (rows: Int, columns: Int, bands: Int)
        /// Numbers between neighbours along each axis.
        var strides: (rows: Int, columns: Int, bands: Int)

        func gather<Bits: FixedWidthInteger & BitwiseCopyable, Sample>(
            _: Bits.Type, _ sample: (Bits) -> Sample
        ) -> [Sample] {
            let count = size.rows * size.columns * size.bands
            return [Sample](unsafeUninitializedCapacity: count) { buffer, initialized in
                var place = 0
                for row in 0..<size.rows {
                    for column in 0..<size.columns {
                        let first = row * strides.rows + column * strides.columns
                        for band in 0..<size.bands {
                            let bits = content.loadUnaligned(
                                fromByteOffset: (first + band * strides.bands) * MemoryLayout<Bits>.size, as: Bits.self)
                            buffer.initializeElement(
                                at: place, to: sample(isSwapped ? Bits(bigEndian: bits) : Bits(littleEndian: bits)))
                            place += 1
                        }
                    }
                }
                initialized = count
            }
        }
    }
}
