import Foundation
import ImageData
import RandomStreams
import RecipeSchema
import TestSupport
import Testing

/// The numbers of a gray picture whose every pixel tells its place.
private func places(height: Int, width: Int) -> [UInt8] {
    (0..<height * width).map { UInt8(truncatingIfNeeded: ($0 / width &* 37) ^ ($0 % width &* 11)) }
}

/// A folder of files with names, opened by the `data` of a recipe.
private struct Folder {
    let home: TestSupport.TemporaryFolder

    init(_ files: [String: [UInt8]]) throws {
        home = try TestSupport.TemporaryFolder()
        for (name, bytes) in files {
            let url = URL(fileURLWithPath: "\(home.path)/\(name)")
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(bytes).write(to: url)
        }
    }

    func options(_ tiles: String, kind: String = "images", more: String = "") throws -> DataOptions {
        let text = """
            {"source": {"kind": "\(kind)", "path": "\(home.path)"\(more)}, "tiles": \(tiles)}
            """
        return try decoded(text)
    }

    func open(_ tiles: String, kind: String = "images", part: DatasetPart = .train, more: String = "") throws
        -> any ImageSource
    {
        try options(tiles, kind: kind, more: more).open(part, cards: DatasetCards(folders: []))
    }
}

/// The options of a text, which has no faults.
private func decoded(_ text: String) throws -> DataOptions {
    let (options, problems) = try decoding(text)
    #expect(problems.isEmpty, "\(problems)")
    return try #require(options)
}

private func decoding(_ text: String) throws -> (DataOptions?, [Problem]) {
    var problems: [Problem] = []
    let options = DataOptions.decode(try JSONParser.parse(text), at: "data", &problems)
    return (options, problems)
}

private func keys(_ source: any ImageSource) -> [String] { (0..<source.count).map(source.key) }

private func png(height: Int, width: Int) throws -> [UInt8] {
    try PNGEncoder.encode(places(height: height, width: width), height: height, width: width, channels: 1)
}

/// A gray TIFF of square tiles in PackBits, each of one number; the tiles of a number are the same bytes in the file.
private func flatTiles(side: Int, tile: Int, byteCount: UInt32? = nil, number: (Int) -> UInt8) -> [UInt8] {
    func little(_ value: Int, _ bytes: Int) -> [UInt8] {
        (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    let across = (side + tile - 1) / tile
    let block = tile * tile / 128 * 2
    var file: [UInt8] = Array("II*\0".utf8) + [0, 0, 0, 0]
    var starts: [UInt8: Int] = [:]
    var offsets: [UInt8] = []
    for cell in 0..<across * across {
        let value = number(cell)
        if starts[value] == nil {
            starts[value] = file.count
            for _ in 0..<block / 2 { file += [0x81, value] }
        }
        offsets += little(starts[value] ?? 0, 4)
    }
    let counts = (0..<across * across).flatMap { _ in little(byteCount.map(Int.init) ?? block, 4) }
    let lists = [324: file.count, 325: file.count + offsets.count]
    file += offsets + counts
    file.replaceSubrange(4..<8, with: little(file.count, 4))
    let entries = [
        (256, 1, side), (257, 1, side), (258, 1, 8), (259, 1, 32_773), (262, 1, 1), (277, 1, 1), (322, 1, tile),
        (323, 1, tile), (324, across * across, lists[324] ?? 0), (325, across * across, lists[325] ?? 0),
    ]
    file += little(entries.count, 2)
    for (tag, count, value) in entries { file += little(tag, 2) + little(4, 2) + little(count, 4) + little(value, 4) }
    return file + little(0, 4)
}

@Suite struct TileTests {
    #if TIFF
    /// Strips and tiles, together and in planes, of all types, both byte orders, each orientation: a region is that of the whole.
    @Test(arguments: PictureKind.all.filter { $0.name?.hasSuffix(".tif") == true })
    func aRegionIsThatOfTheWholePicture(kind: PictureKind) throws {
        let home = try TestSupport.TemporaryFolder()
        let path = FileName(home.path + "/picture.tif")
        let original = try kind.bytes()
        // The orientation's number in the one file that has the tag; the others are read as they are.
        let place =
            kind.name == "orientation6.tif" ? original.firstRange(of: [0x12, 0x01, 3, 0, 1, 0, 0, 0])?.upperBound : nil
        #expect(place != nil || kind.name != "orientation6.tif")
        for orientation in place == nil ? [1] : Array(1...8) {
            var bytes = original
            if let place { bytes[place] = UInt8(orientation) }
            try home.write(bytes, "picture.tif")
            var decoder = ImageDecoder()
            decoder.appliesOrientation = true
            let whole = try decoder.decode(file: path).image
            let header = try decoder.header(of: path)
            #expect(header.format == .tiff && header.height == whole.height && header.width == whole.width)
            var random = RandomStream(seed: 3).child(orientation)
            for _ in 0..<40 {
                let top = random.integer(below: whole.height)
                let left = random.integer(below: whole.width)
                let rectangle = CropRectangle(
                    top: top, left: left, height: 1 + random.integer(below: whole.height - top),
                    width: 1 + random.integer(below: whole.width - left))
                let region = try decoder.decode(tiff: path, rectangle)
                let want = whole.cropped(to: rectangle)
                #expect(region.channels == want.channels && region.height == want.height && region.width == want.width)
                // Bit for bit; numbers of half precision may be none.
                #expect(
                    region.samples.count == want.samples.count && "\(region.samples)" == "\(want.samples)",
                    "\(rectangle)")
            }
        }
    }

    @Test func aSlideOf900MillionPixelsIsReadByRegions() throws {
        let (side, tile) = (30_000, 512)
        let across = (side + tile - 1) / tile
        func number(_ cell: Int) -> UInt8 { UInt8((cell / across * 5 + cell % across) % 16 * 15) }
        let bytes = flatTiles(side: side, tile: tile, number: number)
        #expect(bytes.count < 200_000)
        let folder = try Folder(["slide.tif": bytes])
        defer { withExtendedLifetime(folder) {} }
        let whole = #expect(throws: ImageError.self) { try ImageFolder(flat: folder.home.path).image(0) }
        #expect(
            whole?.reason == .tooLarge && whole?.message.contains("data.tiles") == true, "\(String(describing: whole))")
        // Less than a thousandth of the picture is enough memory.
        var decoder = ImageDecoder()
        decoder.mostMemory = 900_000
        decoder.mostPixels = 512 * 512
        let path = FileName(folder.home.path + "/slide.tif")
        for (top, left) in [(0, 0), (29_488, 29_488), (12_345, 23_456)] {
            let region = try decoder.decode(
                tiff: path, CropRectangle(top: top, left: left, height: 512, width: 512))
            let want = (0..<512 * 512).map { pixel in
                number((top + pixel / 512) / tile * across + (left + pixel % 512) / tile)
            }
            #expect(region.bytes() == want)
        }
        let large = CropRectangle(top: 0, left: 0, height: 513, width: 512)
        #expect(throws: ImageError.self) { try decoder.decode(tiff: path, large) }
        // The grid ends at the edges of the picture.
        let grid = try folder.open("{\"size\": 512, \"placement\": \"grid\"}")
        #expect(grid.count == 59 * 59 && grid.key(58) == "slide.tif#y0x29488" && grid.key(59) == "slide.tif#y512x0")
        #expect(grid.ledger.notes.contains("3481 tiles of 512 x 512 pixels from 1 picture, side by side"))
        #expect(try grid.image(3480).bytes().last == number(across * across - 1))
        let random = try folder.open("{\"size\": 512, \"per_image\": 200}")
        #expect(random.count == 200 && random.key(7) == "slide.tif#tile7")
        #expect(try random.image(7).height == 512)
    }

    @Test func regionsOutsideAndHeadersThatLieAreErrors() throws {
        let home = try TestSupport.TemporaryFolder()
        let path = FileName(home.path + "/a.tif")
        func fault(_ bytes: [UInt8], _ rectangle: CropRectangle) throws -> ImageError {
            try home.write(bytes, "a.tif")
            return try #require(throws: ImageError.self) { try ImageDecoder().decode(tiff: path, rectangle) }
        }
        let good = flatTiles(side: 100, tile: 32) { UInt8($0) }
        let inside = CropRectangle(top: 60, left: 60, height: 40, width: 40)
        try home.write(good, "a.tif")
        #expect(try ImageDecoder().decode(tiff: path, inside).bytes().last == 15)
        for rectangle in [
            CropRectangle(top: 61, left: 60, height: 40, width: 40),
            CropRectangle(top: -1, left: 0, height: 1, width: 1),
            CropRectangle(top: 0, left: 0, height: 0, width: 1),
            CropRectangle(top: 1 << 40, left: 0, height: 1, width: 1),
        ] {
            #expect(try fault(good, rectangle).reason == .corrupt)
        }
        #expect(try fault(Array(good[..<100]), inside).reason == .truncated)
        #expect(try fault(try png(height: 100, width: 100), inside).reason == .notAnImage)
        // Tiles that promise more bytes than there are.
        let long = try fault(flatTiles(side: 100, tile: 32, byteCount: 1 << 31) { UInt8($0) }, inside)
        #expect(long.reason == .truncated, "\(long)")
        // Tiles of which one is larger than what may be allocated.
        let wide = flatTiles(side: 100, tile: 32) { UInt8($0) }
        let side = try #require(wide.ranges(of: [0x42, 0x01, 4, 0, 1, 0, 0, 0]).last)
        var huge = wide
        huge.replaceSubrange(side.upperBound..<side.upperBound + 4, with: [0xF0, 0xFF, 0xFF, 0x7F])
        #expect(try fault(huge, inside).reason == .tooLarge)
    }
    #endif

    @Test func aGridCoversThePictureAndEndsAtItsEdge() throws {
        let folder = try Folder(["a.png": try png(height: 70, width: 100), "b.png": try png(height: 32, width: 33)])
        defer { withExtendedLifetime(folder) {} }
        let source = try folder.open("{\"size\": 32, \"placement\": \"grid\"}")
        let corners = [0, 32, 38].flatMap { top in [0, 32, 64, 68].map { (top, $0) } }
        #expect(
            keys(source) == corners.map { "a.png#y\($0.0)x\($0.1)" } + ["b.png#y0x0", "b.png#y0x1"])
        let whole = try ImageFolder(flat: folder.home.path).image(0)
        for (index, corner) in corners.enumerated() {
            let cell = CropRectangle(top: corner.0, left: corner.1, height: 32, width: 32)
            #expect(try source.image(index) == whole.cropped(to: cell))
        }
        // Backwards too, and from several threads: the picture that is kept is the right one.
        let summary = SourceSummary(of: source, threads: 3)
        #expect(summary.unreadable.isEmpty && summary.count == 14 && summary.heights == 32...32)
        #expect(try source.image(13).bytes().last == places(height: 32, width: 33).last)
        #expect(try source.image(0) == whole.cropped(to: CropRectangle(top: 0, left: 0, height: 32, width: 32)))
    }

    @Test func randomTilesFollowTheDrawAloneAndLieEverywhere() throws {
        let folder = try Folder(["a.png": try png(height: 40, width: 50)])
        defer { withExtendedLifetime(folder) {} }
        let source = try folder.open("{\"size\": 16, \"per_image\": 8}")
        let whole = try ImageFolder(flat: folder.home.path).image(0)
        var corners: Set<[Int]> = []
        for seed in 0..<400 {
            let tile = RandomStream(seed: 5).child(seed)
            let image = try source.image(3, draw: PictureDraw(tile: tile))
            #expect(try source.image(6, draw: PictureDraw(tile: tile)) == image, "the draw decides, not the number")
            var stream = tile
            let top = stream.integer(below: 25)
            let left = stream.integer(below: 35)
            corners.insert([top, left])
            #expect(image == whole.cropped(to: CropRectangle(top: top, left: left, height: 16, width: 16)))
        }
        #expect(corners.contains { $0[0] == 24 } && corners.contains { $0[1] == 34 })
        #expect(corners.contains { $0[0] == 0 } && corners.contains { $0[1] == 0 })
        // Without a draw a tile has a place of its own.
        #expect(try source.image(3) == source.image(3))
        #expect(try source.image(3) != source.image(4))
    }

    /// The bits of a batch follow seed, epoch and sample alone: not threads, not where a run was resumed.
    @Test func batchesOfTilesAreTheSameForAnyThreadsAndAfterAResume() throws {
        var files = ["a.png": try png(height: 90, width: 80), "b.png": try png(height: 64, width: 120)]
        #if TIFF
        files["c.tif"] = flatTiles(side: 300, tile: 32) { UInt8(truncatingIfNeeded: $0 * 3) }
        #endif
        let folder = try Folder(files)
        defer { withExtendedLifetime(folder) {} }
        let source = try folder.open("{\"size\": 24, \"per_image\": 6}")
        let transform = TrainingTransform(
            shape: (1, 16, 16), crop: RandomResizedCrop(scale: 0.3...1), flip: true,
            normalization: Normalization(mean: [0.5], deviation: [0.5]))
        func batches(threads: Int, from first: Int = 0) throws -> [[Float]] {
            let loader = try Loader(
                source: source, transform: transform, batchSize: 4, random: RandomStream(seed: 2), corruptLimit: 0,
                threads: threads, firstStep: first)
            defer { loader.stop() }
            return try (first..<9).map { _ in try loader.next().images }
        }
        let plain = try batches(threads: 0)
        #expect(try batches(threads: 3) == plain)
        #expect(try batches(threads: 2, from: 5) == Array(plain[5...]))
        #expect(Set(plain).count == 9)
        // Another epoch shows other places, crops and mirrors aside.
        let still = TrainingTransform(
            shape: (1, 24, 24), crop: nil, flip: false, normalization: Normalization(mean: [0], deviation: [1]))
        let loader = try Loader(
            source: source, transform: still, batchSize: source.count, random: RandomStream(seed: 2), corruptLimit: 0,
            threads: 0)
        var seen: [[Int: [Float]]] = []
        for _ in 0..<2 {
            let batch = try loader.next()
            let rows = batch.samples.enumerated().map { ($1, Array(batch.images[$0 * 576..<($0 + 1) * 576])) }
            seen.append(Dictionary(uniqueKeysWithValues: rows))
        }
        let moved = seen[0].count { seen[1][$0.key] != $0.value }
        #expect(moved > source.count / 2, "\(moved) of \(source.count)")
    }

    @Test func smallPicturesAreTakenWholeOnceAndTold() throws {
        let folder = try Folder([
            "equal.png": try png(height: 32, width: 32), "narrow.png": try png(height: 20, width: 100),
            "small.png": try png(height: 9, width: 30), "z.png": Array("no picture".utf8),
        ])
        defer { withExtendedLifetime(folder) {} }
        let random = try folder.open("{\"size\": 32, \"per_image\": 5}")
        #expect(
            keys(random) == ["equal.png"] + (0..<5).map { "narrow.png#tile\($0)" } + ["small.png", "z.png"])
        #expect(try random.image(0).height == 32 && random.image(6).width == 30)
        let tile = try random.image(2)
        #expect(tile.height == 20 && tile.width == 32)
        let error = #expect(throws: ImageError.self) { try random.image(7) }
        #expect(error?.reason == .notAnImage)
        let notes = random.ledger.notes.joined(separator: "\n")
        #expect(notes.contains("taken whole, once an epoch: 2 pictures (`equal.png`, `small.png`)"), "\(notes)")
        #expect(notes.contains("all of which their tiles take: 1 picture (`narrow.png`)"), "\(notes)")
        #expect(notes.contains("no size is found in their header: 1 picture (`z.png`)"), "\(notes)")
        #expect(notes.contains("8 tiles of 32 x 32 pixels from 4 pictures, 5 random ones a picture and epoch"))
    }

    @Test func tilesHaveTheLabelsOfTheirPictureAndStandOnOneSideOfASplit() throws {
        var files: [String: [UInt8]] = [:]
        for number in 0..<10 {
            for name in ["cat", "dog"] { files["\(name)/\(number).png"] = try png(height: 20 + number, width: 40) }
        }
        let folder = try Folder(files)
        defer { withExtendedLifetime(folder) {} }
        let tiles = "{\"size\": 16, \"per_image\": 3}"
        let split = ", \"split\": {\"test\": 0.2}"
        let train = try folder.open(tiles, kind: "class_folders", more: split)
        let test = try folder.open(tiles, kind: "class_folders", part: .test, more: split)
        #expect(train.count == 48 && test.count == 12)
        #expect((0..<12).map(test.label) == [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
        func pictures(_ source: any ImageSource) -> Set<Substring> { Set(keys(source).map { $0.prefix { $0 != "#" } }) }
        #expect(pictures(train).isDisjoint(with: pictures(test)) && pictures(train).union(pictures(test)).count == 20)
        #expect(train.labelNames == ["cat", "dog"])
        // An evaluation sees each picture from edge to edge.
        let all = try folder.options(tiles, kind: "class_folders").forEvaluation
        #expect(try all.open(.train, cards: DatasetCards(folders: [])).count == 20 * 3 * 2)
    }

    @Test func digestsFollowPicturesAndHowTheyAreCut() throws {
        let files = ["a.png": try png(height: 40, width: 40), "b.png": try png(height: 41, width: 40)]
        let folder = try Folder(files)
        defer { withExtendedLifetime(folder) {} }
        func open(_ folder: Folder, size: Int = 16, each: Int = 3) throws -> any ImageSource {
            try folder.open("{\"size\": \(size), \"per_image\": \(each)}")
        }
        let source = try open(folder)
        let copy = try Folder(files)
        #expect(try source.fingerprint == open(copy).fingerprint)
        var changed = files
        changed["b.png"] = try png(height: 42, width: 40)
        let others = [try Folder(changed), try Folder(["a.png": try png(height: 40, width: 40)])]
        defer { withExtendedLifetime((copy, others)) {} }
        let other = try open(others[0])
        #expect(other.fingerprint != source.fingerprint && other.count == source.count)
        #expect(try open(folder, each: 4).fingerprint != source.fingerprint)
        #expect(try open(folder, size: 17).fingerprint != source.fingerprint)
        // A picture counts until all of its tiles are known as unreadable.
        #expect(source.contentDigest(excluding: [3, 4]) != other.contentDigest(excluding: [3, 4]))
        #expect(source.contentDigest(excluding: [3, 4, 5]) == other.contentDigest(excluding: [3, 4, 5]))
        #expect(try source.contentDigest(excluding: [3, 4, 5]) == open(others[1]).fingerprint)
        // Numbers of a damaged state may be any.
        _ = source.contentDigest(excluding: [-1, 6, .max])
        let whole = try ImageFolder(flat: folder.home.path).filePaths
        #expect(source.filePaths == whole && whole.count == 2)
    }

    @Test func recipesSayWhatTilesMayBe() throws {
        func message(_ rest: String) throws -> String {
            try decoding("{\"source\": {\"kind\": \"images\", \"path\": \"x\"}, \(rest)}").1
                .map { "\($0.path): \($0.message)" }.joined(separator: "\n")
        }
        #expect(try message("\"tiles\": null") == "" && message("\"tiles\": {}") == "")
        #expect(try message("\"tiles\": {\"size\": 7}").contains("data.tiles.size"))
        #expect(try message("\"tiles\": {\"per_image\": 0}").contains("data.tiles.per_image"))
        #expect(try message("\"tiles\": {\"placement\": \"here\"}").contains("\"random\", \"grid\""))
        #expect(try message("\"tiles\": {\"size\": 512}, \"max_pixels\": 262143").contains("tiles of 262144 pixels"))
        #expect(try message("\"tiles\": {}, \"scaled_decoding\": true").contains("scaled_decoding is true"))
        #expect(try message("\"tiles\": {\"size\": 16384}").contains("max_pixels is 64000000"))
    }

    @Test func sourcesWithoutFilesRefuseAndTooManyTilesAreTold() throws {
        let error = #expect(throws: ImageError.self) {
            try decoded("{\"source\": {\"kind\": \"procedural\"}, \"tiles\": {}}").open(
                .train, cards: DatasetCards(folders: []))
        }
        #expect(error?.message.contains("the source is of kind `procedural`") == true)
        var files: [String: [UInt8]] = [:]
        let bytes = try png(height: 9, width: 9)
        for number in 0..<257 { files["\(number).png"] = bytes }
        let folder = try Folder(files)
        defer { withExtendedLifetime(folder) {} }
        let many = #expect(throws: ImageError.self) { try folder.open("{\"size\": 8, \"per_image\": 65536}") }
        #expect(many?.reason == .tooLarge && many?.message.contains("16842752 tiles; at most 16777216") == true)
        #expect(many?.message.contains("data.tiles.per_image") == true)
    }

    @Test func pagesAreCutToo() throws {
        let pages = [UInt8](try Data(contentsOf: PictureKind.folder.appendingPathComponent("pages.tif")))
        let folder = try Folder(["p.tif": pages])
        defer { withExtendedLifetime(folder) {} }
        var options = try folder.options("{\"size\": 8, \"placement\": \"grid\"}")
        options.pages = .all
        let source = try options.open(.train, cards: DatasetCards(folders: []))
        #expect(keys(source) == ["p.tif#0", "p.tif#1", "p.tif#2"])
        #if TIFF
        #expect(try (0..<3).map { try source.image($0).width } == [3, 4, 5])
        #endif
    }
}
