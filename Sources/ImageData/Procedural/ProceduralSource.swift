import ContentDigests
import Locks
import RandomStreams

/// The built-in pictures: six kinds of objects, drawn anew for every number.
///
/// An object stands at a random place, in a random size, a little turned or mirrored, in random colours and textures on a
/// random background with other marks on it, under uneven light and noise. Whether it is brighter or darker than its
/// surroundings is chance, so neither colour nor brightness tells the class; the outline does. The same seed and number
/// give the same bytes on every system.
public struct ProceduralSource: ImageSource {
    /// The number of pictures.
    public let count: Int
    private let part: DatasetPart
    private let size: Int
    private let seed: Int
    private let root: RandomStream
    /// The pictures drawn so far, for later epochs; nil where all together would take too much memory.
    private let drawn: Locked<[Int: [UInt8]]>?

    /// Most bytes of pictures that are kept: drawing takes longer than decoding a JPEG of the size.
    private static let mostKeptBytes = 64 << 20

    /// Most pictures of a part: the order of an epoch is a list of their numbers.
    public static let mostPictures = 10_000_000

    /// `count` pictures, up to `mostPictures`, of `size` by `size` pixels, up to 1024. Both parts of a seed have no picture in common.
    public init(part: DatasetPart, count: Int = 8000, size: Int = 32, seed: Int = 0) {
        precondition(
            (1...Self.mostPictures).contains(count) && (1...1024).contains(size), "\(count) pictures of size \(size)")
        self.part = part
        self.count = count
        self.size = size
        self.seed = seed
        root = RandomStream(seed: UInt64(bitPattern: Int64(seed))).child("procedural").child(part.rawValue)
        drawn = count * size * size * 3 <= Self.mostKeptBytes ? Locked([:]) : nil
    }

    /// What the pictures show, by label.
    public var labelNames: [String]? { ProceduralObject.allCases.map { "\($0)" } }

    /// The digest of all.
    public var fingerprint: String { contentDigest(excluding: []) }

    /// A digest of the options, which determine every byte, and of the first pictures, which change with the drawing.
    public func contentDigest(excluding unreadable: Set<Int>) -> String {
        var digest = SHA256()
        digest.update([UInt8]("\(part.rawValue) \(count) \(size) \(seed)".utf8))
        for index in 0..<min(count, 8) { digest.update(pixels(index)) }
        return digest.hexadecimal()
    }

    /// Draws a picture, 8-bit RGB.
    public func image(_ index: Int) throws(ImageError) -> DecodedImage {
        let bytes: [UInt8]
        if let kept = drawn?.withLock({ $0[index] }) {
            bytes = kept
        } else {
            bytes = pixels(index)
            drawn?.withLock { $0[index] = bytes }
        }
        return DecodedImage(height: size, width: size, channels: 3, samples: .uint8(bytes))
    }

    /// The object of a picture: classes take turns.
    public func label(_ index: Int) -> Int? { index % ProceduralObject.allCases.count }

    /// The part, the object and the number.
    public func key(_ index: Int) -> String {
        "\(part.rawValue)/\(ProceduralObject.allCases[index % ProceduralObject.allCases.count])-\(index)"
    }

    /// True: what is drawn is known.
    public var hasLabelMaps: Bool { true }

    /// The ground, and the objects.
    public var mapClassNames: [String]? { ["ground"] + ProceduralObject.allCases.map { "\($0)" } }

    /// 1 more than the label where the object covers at least half of a pixel, its details included; 0 elsewhere.
    public func labelMap(_ index: Int) -> LabelMap {
        var random = root.child(index)
        let figure = drawing(index, &random).figure
        let number = UInt16(1 + index % ProceduralObject.allCases.count)
        return LabelMap(height: size, width: size, classes: figure.map { $0 ? number : 0 })
    }

    private func pixels(_ index: Int) -> [UInt8] {
        var random = root.child(index)
        var drawing = drawing(index, &random)
        drawing.addLight(&random)
        return drawing.bytes(noise: 0.01 + 0.035 * random.uniform(), &random)
    }

    /// The picture before light falls on it.
    private func drawing(_ index: Int, _ random: inout RandomStream) -> ProceduralDrawing {
        var drawing = ProceduralDrawing(size: size, random: &random)
        let object = ProceduralObject.allCases[index % ProceduralObject.allCases.count]
        drawing.addMarks(1 + random.integer(below: 3), &random)
        drawing.add(object, &random)
        return drawing
    }
}

/// A picture in the making.
private struct ProceduralDrawing {
    private let size: Int
    private var pixels: [SIMD3<Float>] = []
    /// Which pixels the object covers, by half or more.
    private(set) var figure: [Bool]
    private let background: SIMD3<Float>

    /// A textured background.
    init(size: Int, random: inout RandomStream) {
        self.size = size
        figure = [Bool](repeating: false, count: size * size)
        background = Self.colour(&random)
        let texture = ProceduralTexture(&random)
        let tint = Self.tint(&random) * 0.25
        for row in 0..<size {
            for column in 0..<size {
                pixels.append(background + tint * texture.value(Self.place(row, column, size)))
            }
        }
    }

    /// The centre of a pixel in the unit square.
    private static func place(_ row: Int, _ column: Int, _ size: Int) -> SIMD2<Float> {
        [(Float(column) + 0.5) / Float(size), (Float(row) + 0.5) / Float(size)]
    }

    private static func colour(_ random: inout RandomStream) -> SIMD3<Float> {
        let red = random.uniform()
        let green = random.uniform()
        return [red, green, random.uniform()] * 0.9 + 0.05
    }

    /// A direction of colour change: mostly light, a little hue.
    private static func tint(_ random: inout RandomStream) -> SIMD3<Float> {
        let strength = 0.3 + 0.7 * random.uniform()
        let red = random.uniform()
        let green = random.uniform()
        let hue: SIMD3<Float> = [red, green, random.uniform()]
        return (hue * 0.6 + 0.4) * strength * (random.uniform() < 0.5 ? -1 : 1)
    }

    /// A colour that an eye tells from others: far from them in light.
    private static func colour(
        apartFrom others: [SIMD3<Float>], by least: Float, _ random: inout RandomStream
    ) -> SIMD3<Float> {
        var best = colour(&random)
        var bestGap: Float = -1
        for _ in 0..<40 {
            let candidate = colour(&random)
            let gap = others.map { abs(light(candidate - $0)) }.min() ?? 1
            if gap > bestGap { (best, bestGap) = (candidate, gap) }
            if gap >= least { break }
        }
        return best
    }

    private static func light(_ colour: SIMD3<Float>) -> Float {
        0.3 * colour.x + 0.59 * colour.y + 0.11 * colour.z
    }

    /// Small discs, bars and triangles behind the object, which mean nothing.
    mutating func addMarks(_ count: Int, _ random: inout RandomStream) {
        for _ in 0..<count {
            let x = random.uniform()
            let centre: SIMD2<Float> = [x, random.uniform()]
            let reach = 0.05 + 0.1 * random.uniform()
            let colour = Self.colour(&random)
            let turn = random.uniform()
            let outline: Outline
            switch random.integer(below: 3) {
            case 0: outline = .disc(centre: centre, radius: reach)
            case 1:
                let arm = direction(turn) * reach * 2
                outline = .rod(a: centre - arm, b: centre + arm, radius: 0.3 * reach)
            default: outline = .polygon((0..<3).map { centre + direction(turn + Float($0) / 3) * reach })
            }
            fill(outline, around: centre, within: 2.5 * reach, scale: 1, isFigure: false, { $0 }) { _ in colour }
        }
    }

    /// The object, upright or nearly so.
    mutating func add(_ object: ProceduralObject, _ random: inout RandomStream) {
        let (body, details) = object.outlines(&random)
        let reach = 0.3 + 0.16 * random.uniform()  // half of its size, in sides of the picture
        let x = random.uniform()
        let y = random.uniform()
        // Up to a tenth of the object may leave the picture.
        let slack = 1 - 1.8 * reach
        let centre: SIMD2<Float> = [0.9 * reach + slack * x, 0.9 * reach + slack * y]
        let axis = direction(0.14 * (random.uniform() - 0.5))
        let mirror: Float = random.uniform() < 0.5 ? -1 : 1
        let colour = Self.colour(apartFrom: [background], by: 0.25, &random)
        let detailColour = Self.colour(apartFrom: [background, colour], by: 0.15, &random)
        let texture = ProceduralTexture(&random)
        let tint = Self.tint(&random) * 0.18
        func local(_ p: SIMD2<Float>) -> SIMD2<Float> {
            let q = (p - centre) / reach
            return [(q.x * axis.x + q.y * axis.y) * mirror, q.y * axis.x - q.x * axis.y]
        }
        fill(body, around: centre, within: 1.5 * reach, scale: reach, isFigure: true, local) {
            colour + tint * texture.value($0)
        }
        guard let details else { return }
        fill(details, around: centre, within: 1.5 * reach, scale: reach, isFigure: true, local) { _ in detailColour }
    }

    /// Paints the inside of an outline, its edge softened over a pixel; `local` takes a point to the outline's units, in
    /// which a length is `1 / scale` times as long. All of the outline lies within a square of half side `extent` around
    /// `centre`.
    private mutating func fill(
        _ outline: Outline, around centre: SIMD2<Float>, within extent: Float, scale: Float, isFigure: Bool,
        _ local: (SIMD2<Float>) -> SIMD2<Float>, _ colour: (SIMD2<Float>) -> SIMD3<Float>
    ) {
        func span(_ middle: Float) -> Range<Int> {
            let low = min(max(0, Int((middle - extent) * Float(size))), size)
            return low..<max(low, min(size, Int((middle + extent) * Float(size)) + 1))
        }
        let sharpness = scale * Float(size)
        for row in span(centre.y) {
            for column in span(centre.x) {
                let p = Self.place(row, column, size)
                let cover = min(max(0.5 - outline.distance(local(p)) * sharpness, 0), 1)
                if cover > 0 {
                    let place = row * size + column
                    pixels[place] += (colour(p) - pixels[place]) * cover
                    if isFigure, cover >= 0.5 { figure[place] = true }
                }
            }
        }
    }

    /// Light that falls off to one side.
    mutating func addLight(_ random: inout RandomStream) {
        let along = direction(random.uniform()) * (0.5 * random.uniform())
        for row in 0..<size {
            for column in 0..<size {
                let p = Self.place(row, column, size)
                pixels[row * size + column] *= 1 + (p.x - 0.5) * along.x + (p.y - 0.5) * along.y
            }
        }
    }

    /// The picture with noise of a standard deviation, rounded to 8 bits.
    func bytes(noise deviation: Float, _ random: inout RandomStream) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(pixels.count * 3)
        // The sum of four uniform numbers is nearly normal; its deviation is 65536/√3.
        let unit = deviation * 1.7320508 / 65536
        for pixel in pixels {
            for channel in 0..<3 {
                let bits = random.next()
                let sum = (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48)
                let value = pixel[channel] + (Float(sum) - 131070) * unit
                bytes.append(UInt8(min(max(value, 0), 1) * 255 + 0.5))
            }
        }
        return bytes
    }
}
