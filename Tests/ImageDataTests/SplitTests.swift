import Foundation
import ImageData
import RecipeSchema
import Testing

private let context = SourceContext(cards: DatasetCards(folders: []))

/// The keys of the two parts, labels behind them.
private func parts(_ options: any SourceOptions) throws -> (train: [String], test: [String]) {
    func keys(_ part: DatasetPart) throws -> [String] {
        let source = try options.open(part, in: context)
        return (0..<source.count).map { "\(source.key($0)) \(source.label($0) ?? -1)" }
    }
    return (try keys(.train), try keys(.test))
}

private func classFolders(_ files: [String], _ split: (inout SplitOptions) -> Void = { _ in }) throws -> (
    TemporaryFolder, ClassFoldersSourceOptions
) {
    let folder = try TemporaryFolder(files)
    var options = ClassFoldersSourceOptions()
    options.path = folder.path
    var chosen = SplitOptions()
    split(&chosen)
    options.split = chosen
    return (folder, options)
}

private let files =
    (0..<30).map { "ant/\($0).png" } + (0..<11).map { "bee/\($0).png" } + ["cow/1.png", "cow/2.png", "dog/1.png"]

@Suite struct SplitTests {
    @Test func eachClassGivesItsShare() throws {
        let (folder, options) = try classFolders(files)
        let (train, test) = try parts(options)
        func counts(_ keys: [String]) -> [Int] { (0..<4).map { label in keys.count { $0.hasSuffix(" \(label)") } } }
        #expect(counts(test) == [6, 2, 0, 0] && counts(train) == [24, 9, 2, 1])
        #expect(Set(train).isDisjoint(with: test) && train.count + test.count == files.count)
        #expect(train == train.sorted { FileName($0) < FileName($1) })
        let notes = try options.open(.test, in: context).ledger.notes
        #expect(notes.contains("split: 36 files in the training part, 8 in the test part (test 0.2, seed 0)"))
        #expect(notes.contains("2 of 4 classes have no picture in the test part of the split: `cow`, `dog`"))
        #expect(try options.open(.train, in: context).fingerprint != options.open(.test, in: context).fingerprint)
        withExtendedLifetime(folder) {}
    }

    /// However large the share, no class leaves training.
    @Test func onePictureOfEachClassStaysInTraining() throws {
        let (folder, options) = try classFolders(files) { $0.test = 0.99 }
        let (train, test) = try parts(options)
        #expect(Set(train.map { $0.split(separator: " ").last ?? "" }) == ["0", "1", "2", "3"] && train.count == 4)
        #expect(test.count == files.count - 4)
        withExtendedLifetime(folder) {}
    }

    @Test func theSeedDecidesAndNotTheFileSystem() throws {
        let (one, options) = try classFolders(files)
        let (other, turned) = try classFolders(files.reversed())
        let (here, there) = (try parts(options), try parts(turned))
        #expect(here.train == there.train && here.test == there.test)
        var seeded = options
        seeded.split?.seed = 1
        #expect(try parts(options).test != parts(seeded).test)
        // A picture more moves few of the others.
        let before = Set(try parts(options).test)
        try one.add("ant/new.png")
        #expect(before.symmetricDifference(try parts(options).test).count <= 2)
        withExtendedLifetime((one, other)) {}
    }

    @Test(arguments: 0..<8) func foldersStandOnOneSide(seed: Int) throws {
        var names: [String] = []
        for scene in 0..<20 {
            for tile in 0..<(1 + scene % 4) { names.append("\(scene % 2 == 0 ? "a" : "b")/s\(scene)/\(tile).png") }
        }
        let (folder, options) = try classFolders(names) {
            $0.group = "folder"
            $0.seed = seed
            $0.test = 0.3
        }
        let (train, test) = try parts(options)
        func folders(_ keys: [String]) -> Set<Substring> {
            Set(keys.map { $0[..<($0.lastIndex(of: "/") ?? $0.startIndex)] })
        }
        #expect(folders(train).isDisjoint(with: folders(test)) && folders(train).union(folders(test)).count == 20)
        // Each class is within half a group of its share.
        for label in 0..<2 {
            let all = (train + test).count { $0.hasSuffix(" \(label)") }
            let given = test.count { $0.hasSuffix(" \(label)") }
            #expect(abs(Double(given) - 0.3 * Double(all)) <= 2.5, "\(given) of \(all)")
        }
        withExtendedLifetime(folder) {}
    }

    @Test func columnsKeepTilesOfOnePictureTogether() throws {
        let pictures = (0..<60).map { "\($0).png" }
        let folder = try TemporaryFolder(pictures)
        let rows = (0..<60).map { "\($0).png,\($0 % 3),scene\($0 / 4)" }.joined(separator: "\n")
        try folder.write("labels.csv", Array("file,label,scene\n\(rows)\n".utf8))
        var options = ImagesSourceOptions()
        options.path = folder.path
        options.labels = folder.path + "/labels.csv"
        options.split = SplitOptions()
        options.split?.group = "scene"
        let (train, test) = try parts(options)
        func scenes(_ keys: [String]) -> Set<Int> {
            Set(keys.compactMap { Int($0.prefix { $0 != "." }).map { $0 / 4 } })
        }
        #expect(scenes(train).isDisjoint(with: scenes(test)) && train.count + test.count == 60)
        #expect((8...16).contains(test.count))
        let notes = try options.open(.train, in: context).ledger.notes
        #expect(notes.contains { $0.contains("whole groups by `scene`: 12 and 3)") }, "\(notes)")
        options.split?.group = "place"
        let error = try #require(throws: ImageError.self) { try options.open(.train, in: context) }
        #expect(error.message.contains("no column `place`, which data.source.split.group names"))
        try folder.write("labels.csv", Array("file,label,folder\n0.png,1,x\n1.png,2,x\n".utf8))
        options.split?.group = "folder"
        let both = try #require(throws: ImageError.self) { try options.open(.train, in: context) }
        #expect(both.message.contains("there is a column of that name, too"))
        options.split?.group = "place"
        try folder.write("labels.csv", Array("file,label,place\n0.png,1,\n1.png,2,x\n".utf8))
        let empty = try #require(throws: ImageError.self) { try options.open(.train, in: context) }
        #expect(empty.description.contains("line 2") && empty.message.contains("`place` is empty"))
    }

    @Test func aSplitThatLeavesNothingIsAnError() throws {
        for group in [nil, "folder"] {
            let (folder, options) = try classFolders(["a/1.png", "a/2.png", "b/1.png", "b/2.png"]) { $0.group = group }
            for part in DatasetPart.allCases {
                let error = try #require(throws: ImageError.self) { try options.open(part, in: context) }
                #expect(error.reason == .empty && error.message.contains("leaves the test part without a picture"))
            }
            withExtendedLifetime(folder) {}
        }
    }

    @Test func aTestPartThatIsThereIsNotDividedAgain() throws {
        let (folder, options) = try classFolders(["train/a/1.png", "val/a/1.png"])
        let error = try #require(throws: ImageError.self) { try options.open(.train, in: context) }
        #expect(error.message.contains("there is a test part already, the folder `val`"))
        withExtendedLifetime(folder) {}
    }

    @Test func aMissingTestPartSaysHowToAskForOne() throws {
        let folder = try TemporaryFolder(["a/1.png", "b/1.png"])
        try folder.write("l.csv", Array("file,label\na/1.png,x\n".utf8))
        var folders = ClassFoldersSourceOptions()
        folders.path = folder.path
        var images = ImagesSourceOptions()
        images.path = folder.path
        for labels in [nil, folder.path + "/l.csv"] {
            images.labels = labels
            for options in [folders, images] as [any SourceOptions] {
                let error = try #require(throws: ImageError.self) { try options.open(.test, in: context) }
                #expect(error.reason == .noPart && error.message.contains("--split 0.2"))
            }
        }
    }

    @Test(arguments: [
        (#"{"kind": "images", "split": {}}"#, "split belongs to labels, of which there are none"),
        (#"{"kind": "images", "name_column": "x"}"#, "name_column belongs to labels"),
        (#"{"kind": "class_folders", "split": {"group": "scene"}}"#, "split.group is \"scene\", a column of labels"),
        (#"{"kind": "class_folders", "split": {"test": 1}}"#, "allowed is a number > 0 and < 1"),
    ])
    func faultsBetweenKeysAreToldWithTheRecipe(text: String, words: String) throws {
        var problems: [Problem] = []
        _ = DataOptions.decode(try JSONParser.parse("{\"source\": \(text)}"), at: "$.data", &problems)
        #expect(problems.count == 1 && problems[0].description.contains(words), "\(problems)")
    }

    @Test func everyPropertyHasARow() {
        #expect(Mirror(reflecting: SplitOptions()).children.count == SplitOptions.fields.count)
        #expect(Mirror(reflecting: ImagesSourceOptions()).children.count == ImagesSourceOptions.fields.count)
        #expect(
            Mirror(reflecting: ClassFoldersSourceOptions()).children.count == ClassFoldersSourceOptions.fields.count)
    }
}
