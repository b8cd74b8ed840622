import ContentDigests
import Locks
import RandomStreams
import RecipeSchema

/// Tiles of a folder's pictures as samples, by `TileOptions`; a tile has the label of its picture.
///
/// A tile of a TIFF is read by itself, from the file's own tiles or strips; pictures of other formats are decoded whole for each tile,
/// but in a grid, whose tiles follow one another, once. A random tile lies where the draw of training says, a function of (seed, epoch,
/// sample), and without a draw at a place that depends on its number alone. A picture whose header cannot be read is one sample, whose
/// error says why. Keys are those of the pictures with `#tile7` behind them, or `#y1024x512`, line and column of the tile's first pixel.
struct TiledSource: ImageSource {
    /// What passed over and told the pictures, and what the tiles are.
    let ledger: SourceLedger
    private let pictures: ImageFolder
    private let options: TileOptions
    /// The tiles of each picture; nil where the header cannot be read.
    private let grids: [TileGrid?]
    /// True for pictures that are read by regions.
    private let isTIFF: [Bool]
    /// The number of the first tile of each picture, and behind them that of all tiles.
    private let starts: [Int]
    /// The picture of a grid that was decoded last, of those that are decoded whole.
    private let last = Locked<(picture: Int, image: DecodedImage)?>(nil)
    /// The map that was read last.
    private let lastMap = Locked<(picture: Int, map: LabelMap)?>(nil)

    /// Tiles of the pictures of a source; of a folder, since other sources have no regions to read.
    init(_ source: any ImageSource, _ options: TileOptions, kind: String) throws(ImageError) {
        guard let pictures = source as? ImageFolder else {
            throw ImageError(
                .unsupported, path: "",
                "data.tiles cuts the pictures of folders (images, class_folders), and the source is of kind `\(kind)`; unpack the "
                    + "pictures into a folder, or set data.tiles to null")
        }
        var grids: [TileGrid?] = []
        var isTIFF: [Bool] = []
        var starts = [0]
        var found = Findings()
        for picture in 0..<pictures.count {
            var grid: TileGrid?
            var format: ImageFormat?
            do throws(ImageError) {
                let header = try pictures.read(picture) { (file, decoder) throws(ImageError) in
                    try decoder.header(of: file)
                }
                grid = TileGrid(height: header.height, width: header.width, size: options.size)
                format = header.format
            } catch {
                found.unreadable.append(pictures.key(picture))
            }
            let isOne = grid?.isWhole ?? true
            let count = isOne ? 1 : options.placement == .grid ? grid?.count ?? 1 : options.perImage
            if let grid { found.add(grid, size: options.size, pictures.key(picture)) }
            grids.append(grid)
            isTIFF.append(format == .tiff)
            starts.append((starts.last ?? 0) + count)
            guard starts[picture + 1] <= TileOptions.mostTiles else {
                throw ImageError(
                    .tooLarge, path: pictures.root,
                    "the first \(picture + 1) of \(pictures.count) pictures give \(starts[picture + 1]) tiles; at most "
                        + "\(TileOptions.mostTiles) are possible. "
                        + (options.placement == .grid ? "Set a larger data.tiles.size" : "Lower data.tiles.per_image"))
            }
        }
        self.pictures = pictures
        self.options = options
        self.grids = grids
        self.isTIFF = isTIFF
        self.starts = starts
        var ledger = pictures.ledger
        let (size, total) = (options.size, starts.last ?? 0)
        ledger.note(
            "\(total) tiles of \(size) x \(size) pixels from \(pictures.count) "
                + (pictures.count == 1 ? "picture" : "pictures")
                + (options.placement == .grid
                    ? ", side by side" : ", \(options.perImage) random ones a picture and epoch"))
        for sentence in found.sentences(size: size) { ledger.note(sentence) }
        self.ledger = ledger
    }

    var count: Int { starts.last ?? 0 }
    var labelNames: [String]? { pictures.labelNames }
    var filePaths: Set<FileName> { pictures.filePaths }
    func label(_ index: Int) -> Int? { pictures.label(place(index).picture) }

    func key(_ index: Int) -> String {
        let (picture, number) = place(index)
        guard let grid = grids[picture], !grid.isWhole else { return pictures.key(picture) }
        guard options.placement == .grid else { return pictures.key(picture) + "#tile\(number)" }
        let cell = grid.cell(number)
        return pictures.key(picture) + "#y\(cell.top)x\(cell.left)"
    }

    var fingerprint: String { contentDigest(excluding: []) }

    /// A digest of the pictures with a tile that is not excluded, and of how they are cut.
    func contentDigest(excluding unreadable: Set<Int>) -> String {
        let gone = Set(
            unreadable.map { place($0).picture }.filter { picture in
                (starts[picture]..<starts[picture + 1]).allSatisfy(unreadable.contains)
            })
        let cut = "\(options.encoded.text()) of \(pictures.contentDigest(excluding: gone))"
        return SHA256.hexadecimal(of: Array(cut.utf8))
    }

    func image(_ index: Int) throws(ImageError) -> DecodedImage { try image(index, draw: PictureDraw()) }

    func image(_ index: Int, draw: PictureDraw) throws(ImageError) -> DecodedImage {
        let (picture, number) = place(index)
        guard let grid = grids[picture], isTIFF[picture] || !grid.isWhole else { return try pictures.image(picture) }
        guard options.placement == .random else { return try tile(grid.cell(number), of: picture) }
        return try tile(grid.random(draw.tile ?? RandomStream(seed: 0).child("tile").child(index)), of: picture)
    }

    private func tile(_ rectangle: CropRectangle, of picture: Int) throws(ImageError) -> DecodedImage {
        do throws(ImageError) {
            guard !isTIFF[picture] else {
                return try pictures.read(picture) { (file, decoder) throws(ImageError) in
                    try decoder.decode(tiff: file, rectangle)
                }
            }
            let image = try whole(picture)
            guard rectangle.fits(height: image.height, width: image.width) else {
                throw ImageError(
                    .corrupt, path: pictures.root, member: pictures.key(picture),
                    "the picture has \(image.height) x \(image.width) pixels (height x width) and its header said more")
            }
            return image.cropped(to: rectangle)
        } catch {
            var error = error
            error.message += ", in the tile at line \(rectangle.top), column \(rectangle.left)"
            throw error
        }
    }

    var hasLabelMaps: Bool { pictures.hasLabelMaps }

    /// The part of the picture's map that the tile shows; only tiles of a grid have a place of their own.
    func labelMap(_ index: Int) throws(ImageError) -> LabelMap {
        let (picture, number) = place(index)
        let map = try wholeMap(picture)
        guard let grid = grids[picture], !grid.isWhole else { return map }
        guard options.placement == .grid else {
            throw ImageError(
                .label, path: "", member: key(index), "a random tile has no label map; set data.tiles.placement to grid"
            )
        }
        guard map.height == grid.height, map.width == grid.width else {
            throw ImageError(
                .label, path: "", member: pictures.key(picture),
                "the label map has \(map.height) x \(map.width) pixels and its picture \(grid.height) x \(grid.width)")
        }
        return map.cropped(to: grid.cell(number))
    }

    /// The map of a picture; the one before is kept, since the next tile is mostly of the same.
    private func wholeMap(_ picture: Int) throws(ImageError) -> LabelMap {
        if let kept = lastMap.withLock({ $0?.picture == picture ? $0?.map : nil }) { return kept }
        let map = try pictures.labelMap(picture)
        lastMap.withLock { $0 = (picture, map) }
        return map
    }

    /// A picture of a format without regions. Of a grid, the one before is kept: the next tile is mostly of the same.
    private func whole(_ picture: Int) throws(ImageError) -> DecodedImage {
        guard options.placement == .grid else { return try pictures.image(picture) }
        if let kept = last.withLock({ $0?.picture == picture ? $0?.image : nil }) { return kept }
        let image = try pictures.image(picture)
        last.withLock { $0 = (picture, image) }
        return image
    }

    /// The picture of a tile, and the tile's number in it.
    private func place(_ index: Int) -> (picture: Int, number: Int) {
        var (low, high) = (0, starts.count - 1)
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= index { low = middle } else { high = middle }
        }
        return (low, index - starts[low])
    }
}

/// Pictures that give other tiles than was asked for, by key.
private struct Findings {
    var unreadable: [String] = []
    private var whole: [String] = []
    private var narrow: [String] = []

    mutating func add(_ grid: TileGrid, size: Int, _ key: @autoclosure () -> String) {
        if grid.isWhole {
            whole.append(key())
        } else if min(grid.height, grid.width) < size {
            narrow.append(key())
        }
    }

    func sentences(size: Int) -> [String] {
        func list(_ keys: [String], _ words: String) -> String? {
            guard !keys.isEmpty else { return nil }
            let names = keys.prefix(SourceLedger.mostExamples).map { "`\($0)`" }.joined(separator: ", ")
            return "\(words): \(keys.count) \(keys.count == 1 ? "picture" : "pictures") (\(names)"
                + (keys.count > SourceLedger.mostExamples ? ", …)" : ")")
        }
        return [
            list(whole, "no larger than a tile and taken whole, once an epoch"),
            list(narrow, "with a side shorter than data.tiles.size \(size), all of which their tiles take"),
            list(unreadable, "one sample each, since no size is found in their header"),
        ].compactMap { $0 }
    }
}
