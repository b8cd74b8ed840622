import RandomStreams

/// A rectangle of pixels.
public struct CropRectangle: Sendable, Equatable {
    /// First row.
    public var top: Int
    /// First column.
    public var left: Int
    /// Rows.
    public var height: Int
    /// Columns.
    public var width: Int

    /// A rectangle by its first row and column and its size.
    public init(top: Int, left: Int, height: Int, width: Int) {
        self.top = top
        self.left = left
        self.height = height
        self.width = width
    }

    /// True where the rectangle has a pixel and lies inside a picture of the size.
    public func fits(height: Int, width: Int) -> Bool {
        top >= 0 && left >= 0 && self.height >= 1 && self.width >= 1 && top + self.height <= height
            && left + self.width <= width
    }
}

/// torchvision's RandomResizedCrop: a rectangle of random area and aspect ratio.
public struct RandomResizedCrop: Sendable, Equatable {
    /// Smallest and largest share of the picture's area.
    public var scale: ClosedRange<Double>
    /// Smallest and largest width over height.
    public var ratio: ClosedRange<Double>
    /// Tries before the fallback.
    public static let tries = 10

    /// Rectangles of the given shares of the area and aspect ratios; torchvision's defaults are 0.08…1 and 3/4…4/3.
    public init(scale: ClosedRange<Double>, ratio: ClosedRange<Double> = 0.75...(4.0 / 3.0)) {
        self.scale = scale
        self.ratio = ratio
    }

    /// The rectangle for a picture, and the try that gave it: 1…10, or 0 for the fallback, the largest centred rectangle
    /// of an allowed aspect ratio.
    ///
    /// `uniforms` gives the four numbers in [0, 1) of a try, counted from 0: area, logarithm of the aspect ratio, top,
    /// left. It is called once for each try that is made. Sizes are rounded half to even, in double precision
    /// (torchvision computes the ratio in single precision: at a rounding tie it may differ by a pixel).
    public func rectangle(
        height: Int, width: Int, uniforms: (Int) -> (area: Double, aspect: Double, top: Double, left: Double)
    ) -> (rectangle: CropRectangle, tries: Int) {
        let lowest = naturalLogarithm(ratio.lowerBound)
        let highest = naturalLogarithm(ratio.upperBound)
        for attempt in 0..<Self.tries {
            let draw = uniforms(attempt)
            let area =
                Double(height * width) * (scale.lowerBound + (scale.upperBound - scale.lowerBound) * draw.area)
            let aspect = exponential(lowest + (highest - lowest) * draw.aspect)
            let w = (area * aspect).squareRoot().rounded(.toNearestOrEven)
            let h = (area / aspect).squareRoot().rounded(.toNearestOrEven)
            if w > 0, w <= Double(width), h > 0, h <= Double(height) {
                let top = Int(draw.top * Double(height - Int(h) + 1))
                let left = Int(draw.left * Double(width - Int(w) + 1))
                return (CropRectangle(top: top, left: left, height: Int(h), width: Int(w)), attempt + 1)
            }
        }
        let aspect = Double(width) / Double(height)
        var (h, w) = (height, width)
        if aspect < ratio.lowerBound {
            h = Int((Double(width) / ratio.lowerBound).rounded(.toNearestOrEven))
        } else if aspect > ratio.upperBound {
            w = Int((Double(height) * ratio.upperBound).rounded(.toNearestOrEven))
        }
        // A ratio of one pixel to many may round to nothing.
        h = min(max(h, 1), height)
        w = min(max(w, 1), width)
        return (CropRectangle(top: (height - h) / 2, left: (width - w) / 2, height: h, width: w), 0)
    }

    /// The rectangle that a stream draws for a picture.
    func rectangle(height: Int, width: Int, random: RandomStream) -> CropRectangle {
        var stream = random
        return rectangle(height: height, width: width) { _ in
            let area = stream.uniformDouble()
            let aspect = stream.uniformDouble()
            let top = stream.uniformDouble()
            return (area, aspect, top, stream.uniformDouble())
        }.rectangle
    }
}

/// The geometry of evaluation: the picture is resized so that it just covers `resize`, then the middle is cut out.
public struct CentreCrop: Sendable, Equatable {
    /// Height and width that the resized picture covers; for a square this is the length of its shorter side.
    public var resize: (height: Int, width: Int)
    /// Height and width of the result.
    public var crop: (height: Int, width: Int)

    /// A resize and a crop.
    public init(resize: (height: Int, width: Int), crop: (height: Int, width: Int)) {
        self.resize = resize
        self.crop = crop
    }

    /// The usual resize for a crop: 256/224 of it, rounded down.
    public init(crop: (height: Int, width: Int)) {
        self.init(resize: (crop.height * 256 / 224, crop.width * 256 / 224), crop: crop)
    }

    /// Equal resize and crop.
    public static func == (a: CentreCrop, b: CentreCrop) -> Bool { a.resize == b.resize && a.crop == b.crop }

    /// For a picture: its size after resizing, and the place of the crop in that; negative places are rows or columns of
    /// zeros to put before it.
    public func geometry(height: Int, width: Int) -> (height: Int, width: Int, top: Int, left: Int) {
        let size: (height: Int, width: Int)
        if height * resize.width <= width * resize.height {
            size = (resize.height, max(1, Int(Double(resize.height * width) / Double(height))))
        } else {
            size = (max(1, Int(Double(resize.width * height) / Double(width))), resize.width)
        }
        return (
            size.height, size.width, Self.offset(size.height, crop.height), Self.offset(size.width, crop.width)
        )
    }

    /// The first kept sample of an axis: half to even where it is cut, rounded down where it is padded.
    private static func offset(_ size: Int, _ crop: Int) -> Int {
        if size < crop { return -((crop - size) / 2) }
        return Int((Double(size - crop) / 2).rounded(.toNearestOrEven))
    }
}
