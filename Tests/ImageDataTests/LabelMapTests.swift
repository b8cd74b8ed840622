import Foundation
import ImageData
import RecipeSchema
import TestSupport
import Testing

/// Label maps: numbers as files store them, folders that mirror those of pictures, maps as transforms show them.
struct LabelMapTests {
    /// PNG files of 3 x 2 pixels, and the numbers in them.
    static let files: [(name: String, base64: String, numbers: [UInt16])] = [
        (
            "palette of 8 bits",
            "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAMAAACqqpYoAAAADFBMVEUKFB7IZDL/AAAHBwegetyiAAAAEElEQVR4nGNgYGRiYGb6DwABJAEI4dEihwAAAABJRU5ErkJggg==",
            [0, 1, 2, 3, 2, 255]
        ),
        (
            "palette of 2 bits",
            "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACAgMAAADgGo6JAAAADFBMVEUKFB7IZDL/AAAHBwegetyiAAAADElEQVR4nGOQYHgCAAEwAP1WzRxzAAAAAElFTkSuQmCC",
            [0, 1, 2, 3, 2, 1]
        ),
        (
            "gray of 1 bit",
            "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACAQAAAAC1D1u3AAAADElEQVR4nGNwYFgAAAFkAOGROt8sAAAAAElFTkSuQmCC",
            [0, 1, 0, 1, 0, 1]
        ),
        (
            "gray of 2 bits",
            "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACAgAAAADyryFnAAAADElEQVR4nGOQYHgCAAEwAP1WzRxzAAAAAElFTkSuQmCC",
            [0, 1, 2, 3, 2, 1]
        ),
        (
            "gray of 4 bits",
            "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACBAAAAAB979THAAAADklEQVR4nGNgVGD4WgAAAuUBh/+BX9YAAAAASUVORK5CYII=",
            [0, 1, 2, 15, 5, 7]
        ),
        (
            "gray of 16 bits",
            "iVBORw0KGgoAAAANSUhEUgAAAAMAAAACEAAAAADoj+WFAAAAFklEQVR4nGNgYGDUYfjP8P8/AyPzCwAVrwQXZgzB/AAAAABJRU5ErkJggg==",
            [0, 300, 255, 255, 1, 1000]
        ),
    ]

    private static func bytes(_ base64: String) throws -> [UInt8] { [UInt8](try #require(Data(base64Encoded: base64))) }

    @Test(arguments: files.indices) func numbersAreThoseThatTheFileStores(_ place: Int) throws {
        let file = Self.files[place]
        let map = try LabelMap(png: try Self.bytes(file.base64), path: "map.png")
        #expect(map.height == 2 && map.width == 3 && map.classes == file.numbers, "\(file.name): \(map.classes)")
    }

    @Test func whatIsNoMapSaysSo() throws {
        let rgb = try PNGEncoder.encode([1, 2, 3], height: 1, width: 1, channels: 3)
        let colours = #expect(throws: ImageError.self) { try LabelMap(png: rgb, path: "m.png") }
        #expect(colours?.reason == .unsupported && colours?.message.contains("RGB colours") == true)
        let jpeg = #expect(throws: ImageError.self) {
            try LabelMap(png: [0xFF, 0xD8, 0xFF, 0xE0, 0, 1], path: "m.png")
        }
        #expect(jpeg?.message.contains("is a jpeg file; maps are PNG files") == true, "\(String(describing: jpeg))")
        #expect(throws: ImageError.self) { try LabelMap(png: [], path: "m.png") }
        let whole = try PNGEncoder.encode([UInt8](repeating: 7, count: 900), height: 30, width: 30, channels: 1)
        let cut = #expect(throws: ImageError.self) { try LabelMap(png: Array(whole.prefix(60)), path: "m.png") }
        #expect(cut?.reason == .truncated)
    }

    /// A map is resized and cut as its picture is: its nearest pixels, none where the picture is padded.
    @Test func aMapIsShownAsItsPicture() throws {
        let transform = EvaluationTransform(
            shape: (1, 7, 7), normalization: Normalization(mean: [0.5], deviation: [1]))
        let map = LabelMap(height: 16, width: 24, classes: (0..<16 * 24).map { UInt16($0 % 24 < 12 ? 1 : 2) })
        let shown = transform.shown(map)
        #expect(shown.height == 7 && shown.width == 7)
        // 8 x 12 pixels after resizing, of which columns 2 to 8 are seen: the border at 6 is the fifth of them.
        #expect(shown.classes.prefix(7) == [1, 1, 1, 1, 2, 2, 2])
        let own = LabelMap(height: 7, width: 7, classes: (0..<49).map { UInt16($0) })
        #expect(transform.shown(own) == own)
        var wide = transform
        wide.shape = (1, 7, 14)
        #expect(
            wide.shown(LabelMap(height: 64, width: 1, classes: [UInt16](repeating: 3, count: 64))).classes.contains(3))
    }

    // MARK: Folders

    /// Pictures and maps of 4 x 4 pixels in folders of their own.
    private struct Folders {
        let home: TestSupport.TemporaryFolder

        init(pictures: [String], maps: [String]) throws {
            home = try TestSupport.TemporaryFolder()
            for name in pictures { try write("pictures/\(name)", 90) }
            for (number, name) in maps.enumerated() { try write("maps/\(name)", UInt8(number)) }
        }

        func write(_ name: String, _ value: UInt8) throws {
            let url = URL(fileURLWithPath: "\(home.path)/\(name)")
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            let bytes = try PNGEncoder.encode([UInt8](repeating: value, count: 16), height: 4, width: 4, channels: 1)
            try Data(bytes).write(to: url)
        }

        func open(
            _ kind: String = "images", _ part: DatasetPart = .train, maps: String = "maps", more: String = ""
        ) throws -> any ImageSource {
            let text = """
                {"source": {"kind": "\(kind)", "path": "\(home.path)/pictures", "maps": "\(home.path)/\(maps)"\(more)}}
                """
            return try decoded(text).open(part, cards: DatasetCards(folders: []))
        }
    }

    @Test func picturesAndMapsFindEachOtherByName() throws {
        let set = try Folders(
            pictures: ["a/x.png", "a/y.jpg", "z.png"], maps: ["a/x.png", "a/y.png", "lonely.png"])
        let source = try set.open()
        #expect(source.hasLabelMaps && source.count == 2)
        #expect((0..<2).map { source.key($0) } == ["a/x.png", "a/y.jpg"])
        #expect(try (0..<2).map { try source.labelMap($0).classes[0] } == [0, 1])
        #expect(source.ledger.count(.pictureWithoutMap) == 1 && source.ledger.count(.mapWithoutPicture) == 1)
        #expect(source.ledger.sentences.contains("passed over 1 picture without a label map (`z.png`)"))
    }

    /// The map of one of two pictures whose names differ in the suffix alone is told to be the other's, too.
    @Test func aMapOfTwoPicturesIsTold() throws {
        let set = try Folders(pictures: ["x.jpg", "x.png", "y.png"], maps: ["x.png", "y.png"])
        let source = try set.open()
        #expect(source.count == 3 && source.ledger.count(.sharedMap) == 1 && source.ledger.isAlarming)
        #expect(source.ledger.sentences.contains("1 picture with the label map of another (`x.png`)"))
    }

    @Test func partsOfPicturesHavePartsOfMaps() throws {
        let set = try Folders(
            pictures: ["train/a.png", "train/b.png", "val/c.png"], maps: ["train/a.png", "train/b.png", "val/c.png"])
        #expect(try set.open("images", .train).count == 2)
        let test = try set.open("images", .test)
        #expect(test.count == 1 && test.key(0) == "c.png")
        #expect(try test.labelMap(0).classes[0] == 2)
        let twice = #expect(throws: ImageError.self) {
            try set.open("images", .test, more: #", "split": {"test": 0.5}"#)
        }
        #expect(twice?.message.contains("there is a test part already, the folder `val`") == true)
        let classes = try Folders(
            pictures: ["train/k/a.png", "train/l/b.png", "test/k/c.png"],
            maps: ["train/k/a.png", "train/l/b.png", "test/k/c.png"])
        let ofClasses = try classes.open("class_folders", .test)
        #expect(ofClasses.count == 1 && ofClasses.label(0) == 0)
        #expect(try ofClasses.labelMap(0).classes[0] == 2)
    }

    @Test func aSplitDividesPicturesWithMaps() throws {
        let names = (0..<10).map { "\($0).png" }
        let set = try Folders(pictures: names, maps: names)
        let none = #expect(throws: ImageError.self) { try set.open("images", .test) }
        #expect(none?.reason == .noPart && none?.message.contains("--split 0.2") == true)
        let split = #", "split": {"test": 0.3}"#
        let (train, test) = (try set.open("images", .train, more: split), try set.open("images", .test, more: split))
        #expect(train.count == 7 && test.count == 3)
        let keys = (0..<7).map { train.key($0) } + (0..<3).map { test.key($0) }
        #expect(keys.sorted() == names)
        for index in 0..<3 { #expect(try test.labelMap(index).classes[0] == UInt16(test.key(index).prefix(1))) }
    }

    @Test func foldersThatAreNoneOfMapsAreRefused() throws {
        let set = try Folders(pictures: ["train/a.png", "test/b.png"], maps: ["train/a.png"])
        func message(_ part: DatasetPart = .train, maps: String) -> String {
            let error = #expect(throws: ImageError.self) { try set.open("images", part, maps: maps) }
            return "\(error?.description ?? "")"
        }
        #expect(message(maps: "nowhere").contains("there is no such folder of label maps"))
        #expect(message(.test, maps: "maps").contains("there is no folder `test` of the maps of the pictures"))
        #expect(message(maps: "pictures").contains("would be read as pictures"))
        #expect(message(maps: "maps/train/a.png").contains("a file; the label maps are a folder"))
        let strangers = try Folders(pictures: ["a.png"], maps: ["b.png"])
        let none = #expect(throws: ImageError.self) { try strangers.open() }
        #expect(none?.message.contains("no picture has a label map here; the map of `a.png` would be `a.png`") == true)
        #expect(throws: Problem.self) {
            try decoded(#"{"source": {"kind": "images", "path": "x", "split": {"test": 0.2}}}"#)
        }
    }

    @Test func tilesHaveTheirPartOfTheMap() throws {
        let home = try TestSupport.TemporaryFolder()
        let numbers = (0..<256).map { UInt8($0) }
        for folder in ["pictures", "maps"] {
            try FileManager.default.createDirectory(
                atPath: "\(home.path)/\(folder)", withIntermediateDirectories: true)
            try home.write(try PNGEncoder.encode(numbers, height: 16, width: 16, channels: 1), "\(folder)/a.png")
        }
        let text = """
            {"source": {"kind": "images", "path": "\(home.path)/pictures", "maps": "\(home.path)/maps"},
             "tiles": {"size": 8, "placement": "grid"}}
            """
        let source = try decoded(text).open(.train, cards: DatasetCards(folders: []))
        #expect(source.count == 4 && source.hasLabelMaps)
        for index in 0..<4 {
            guard case .uint8(let pixels) = try source.image(index).samples else { continue }
            #expect(try source.labelMap(index).classes == pixels.map { UInt16($0) })
        }
    }

    // MARK: Built-in pictures

    @Test func builtInMapsShowTheObject() throws {
        let source = ProceduralSource(part: .test, count: 60, size: 32)
        #expect(source.hasLabelMaps && source.mapClassNames?.count == 7 && source.mapClassNames?.first == "ground")
        var shares: [Double] = []
        for index in 0..<source.count {
            let map = source.labelMap(index)
            let number = UInt16(1 + (source.label(index) ?? 0))
            #expect(Set(map.classes) == [0, number], "\(source.key(index))")
            shares.append(Double(map.classes.count { $0 == number }) / Double(map.classes.count))
        }
        #expect((shares.min() ?? 0) > 0.01 && (shares.max() ?? 1) < 0.7, "\(shares)")
        let odd = OddPictures(part: .train, count: 12)
        for index in 0..<12 {
            let (picture, map) = (try odd.image(index), odd.labelMap(index))
            #expect(picture.height == map.height && picture.width == map.width)
            #expect(map.classes.contains(UInt16(1 + odd.label(index))))
        }
    }

    /// Inside and outside of the object the colours differ: a map that is shifted or mirrored would not show that.
    @Test func builtInMapsLieOverTheirPictures() throws {
        let source = ProceduralSource(part: .train, count: 120, size: 48)
        func contrast(_ picture: [UInt8], _ figure: [Bool]) -> Double {
            // How much of the variance of the colours is between the two sides.
            var explained = 0.0, all = 0.0
            for channel in 0..<3 {
                let values = figure.indices.map { Double(picture[3 * $0 + channel]) }
                let mean = values.reduce(0, +) / Double(values.count)
                let inside = zip(values, figure).filter(\.1).map(\.0)
                let outside = zip(values, figure).filter { !$0.1 }.map(\.0)
                for side in [inside, outside] where !side.isEmpty {
                    let own = side.reduce(0, +) / Double(side.count)
                    explained += Double(side.count) * (own - mean) * (own - mean)
                }
                all += values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
            }
            return explained / max(all, 1)
        }
        var wins = 0
        for index in 0..<source.count {
            guard case .uint8(let pixels) = try source.image(index).samples else { continue }
            let figure = source.labelMap(index).classes.map { $0 > 0 }
            let turned = Array(figure.reversed())
            if contrast(pixels, figure) > contrast(pixels, turned) { wins += 1 }
        }
        #expect(wins > 95, "\(wins) of 120")
    }
}

/// The options of a text; its faults are errors.
private func decoded(_ text: String) throws -> DataOptions {
    var problems: [Problem] = []
    let options = DataOptions.decode(try JSONParser.parse(text), at: "data", &problems)
    if let first = problems.first { throw first }
    return try #require(options)
}
