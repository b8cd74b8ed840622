import ImageData
import RecipeSchema
import TestSupport
import Testing

private let context = SourceContext(cards: DatasetCards(folders: []))

private func folders(_ files: [String]) throws -> (TemporaryFolder, ClassFoldersSourceOptions) {
    let folder = try TemporaryFolder(files)
    var options = ClassFoldersSourceOptions()
    options.path = folder.path
    return (folder, options)
}

@Suite struct PartTests {
    @Test(arguments: [
        (["test", "val", "validation", "valid"], "test"), (["val", "validation", "valid"], "val"),
        (["validation", "valid"], "validation"), (["valid"], "valid"),
    ])
    func theTestPartIsTheFirstOfFourNames(names: [String], chosen: String) throws {
        let (folder, options) = try folders(["train/a/1.png"] + names.map { "\($0)/a/\($0).png" })
        let test = try options.open(.test, in: context)
        #expect(test.key(0) == "a/\(chosen).png")
        for part in DatasetPart.allCases {
            #expect(try options.open(part, in: context).ledger.notes.first == "test part: the folder `\(chosen)`")
        }
        withExtendedLifetime(folder) {}
    }

    /// As classes they would bring the test pictures into training.
    @Test(arguments: [["Train/a/1.png", "Test/a/2.png"], ["TRAIN/1.png", "val/a/2.png", "other/3.png"]])
    func partsInCapitalsAreRefused(files: [String]) throws {
        let (folder, options) = try folders(files)
        for part in DatasetPart.allCases {
            let error = try #require(throws: ImageError.self) { try options.open(part, in: context) }
            #expect(error.message.contains("look like the parts of a set"), "\(error)")
        }
        withExtendedLifetime(folder) {}
    }

    @Test func picturesInNoClassAndInNoPartAreCounted() throws {
        let (folder, options) = try folders(["train/a/1.png", "train/stray.png", "other.png", "extra/a/1.png"])
        let ledger = try options.open(.train, in: context).ledger
        #expect(ledger.count(.outsideClasses) == 1 && ledger.count(.otherSuffix) == 0 && ledger.isAlarming)
        #expect(ledger.notes.contains("the picture `other.png` beside `train` belongs to no part"))
        #expect(ledger.notes.contains("the folder `extra` beside `train` belongs to no part"))
        withExtendedLifetime(folder) {}
    }

    /// A few pictures beside the parts of a set must not make all of it, test part and all, one heap of pictures.
    @Test func straysBesidePartsLeaveASetWhatItIs() throws {
        let (folder, _) = try folders(["train/a/1.png", "test/a/2.png", "0.png", "1.png"])
        let guessed = try SourceArgument.guess(folder.path)
        #expect(type(of: guessed).name == ClassFoldersSourceOptions.name)
        let train = try guessed.open(.train, in: context)
        #expect(train.count == 1)
        #expect(train.ledger.notes.contains { $0.contains("2 pictures beside `train` belong to no part") })
        var flat = ImagesSourceOptions()
        flat.path = folder.path
        let heap = try flat.open(.train, in: context)
        #expect(heap.count == 4 && heap.ledger.notes.contains { $0.contains("`train` and `test` are both read") })
        // Pictures beside folders that are no parts are a heap.
        let (other, _) = try folders(["cat/1.png", "dog/2.png", "0.png"])
        #expect(type(of: try SourceArgument.guess(other.path)).name == ImagesSourceOptions.name)
        withExtendedLifetime((folder, other)) {}
    }

    @Test func aSetThatIsNotWholeIsTold() throws {
        let folder = try TestSupport.TemporaryFolder()
        let record = [UInt8](repeating: 1, count: 3073)
        for number in [1, 2, 4, 5] { try folder.write(record + record, "data_batch_\(number).bin") }
        try folder.write(record, "test_batch.bin")
        let card = """
            {"name": "ten", "title": "Ten", "channels": 3, "mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2], "train_count": 10,
             "test_count": 1, "classes": ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"],
             "layouts": [{"source": {"kind": "cifar", "variant": "cifar10"}}]}
            """
        try folder.write(Array(card.utf8), "ten.json")
        let text = #"{"source": {"kind": "card", "card": "\#(folder.path)/ten.json", "path": "\#(folder.path)"}}"#
        var problems: [Problem] = []
        let options = try #require(DataOptions.decode(try JSONParser.parse(text), at: "$", &problems))
        let train = try options.open(.train, cards: DatasetCards(folders: []))
        #expect(train.count == 8 && train.label(0) == 1)
        #expect(
            train.ledger.notes == [
                "`data_batch_3.bin` is not there, so the training part is not whole",
                "the train part has 8 pictures, and that of Ten has 10",
            ])
        #expect(try options.open(.test, cards: DatasetCards(folders: [])).ledger.notes.isEmpty)
    }

    @Test func aFlatTestFolderIsToldAndValIsTaken() throws {
        let (folder, options) = try folders(["train/a/1.png", "train/b/1.png", "val/a/2.png", "test/0.png"])
        let test = try options.open(.test, in: context)
        #expect(test.key(0) == "a/2.png" && test.labelNames == ["a", "b"])
        #expect(test.ledger.notes.contains { $0.contains("`test` has no class folders") })
        #expect(test.ledger.notes.contains { $0.contains("1 of 2 classes have no picture in the val part: `b`") })
        withExtendedLifetime(folder) {}
    }

    @Test(arguments: [
        ["bus/1.png", "train/1.png", "test/1.png"],
        ["bus/1.png", "car/1.png", "train/steam/1.png", "train/diesel/1.png"],
        ["bus/1.png", "train/1.png"],
    ])
    func aClassCalledTrainIsAClass(files: [String]) throws {
        let (folder, options) = try folders(files)
        let train = try options.open(.train, in: context)
        #expect(train.labelNames?.contains("bus") == true && train.labelNames?.contains("train") == true)
        #expect(train.ledger.notes.contains { $0.contains("`train` is taken as a class") })
        let error = try #require(throws: ImageError.self) { try options.open(.test, in: context) }
        #expect(error.reason == .noPart && error.message.contains("`train` is a class here"))
        withExtendedLifetime(folder) {}
    }

    @Test func pictureFoldersBesideBothPartsHijackNothing() throws {
        let (folder, options) = try folders(["train/a/1.png", "val/a/1.png", "unlabelled/1.png"])
        let train = try options.open(.train, in: context)
        #expect(train.labelNames == ["a"])
        #expect(
            train.ledger.notes.contains { $0.contains("`unlabelled` beside `train` belong") || $0.contains("belong") })
        withExtendedLifetime(folder) {}
    }

    @Test func aClassWithoutPicturesInTheTestPartIsAnErrorThatIsNoAbsence() throws {
        let (folder, options) = try folders(["train/a/1.png", "train/b/1.png", "test/a/1.png", "test/b/readme.txt"])
        let error = try #require(throws: ImageError.self) { try options.open(.test, in: context) }
        #expect(error.reason == .empty && error.message.contains("`b`"))
        withExtendedLifetime(folder) {}
    }
}

@Suite struct ContentDigestTests {
    @Test func thePlaceDoesNotCountAndUnreadablePicturesCanBeLeftOut() throws {
        let here = try TemporaryFolder(["a.png", "b.png", "c.png"])
        let there = try TemporaryFolder(["a.png", "c.png"])
        try here.write("b.png", [1, 2, 3])
        let whole = try ImageFolder(flat: here.path)
        let rest = try ImageFolder(flat: there.path)
        #expect(whole.fingerprint != rest.fingerprint)
        #expect(whole.contentDigest(excluding: [1]) == rest.fingerprint)
        let restored = RestoredSource(rest, gone: [1: "b.png"])
        #expect(restored.count == 3 && (0..<3).map(restored.key) == ["a.png", "b.png", "c.png"])
        #expect(restored.contentDigest(excluding: [1]) == whole.contentDigest(excluding: [1]))
        #expect(throws: ImageError.self) { try restored.image(1) }
        #expect(try restored.image(2) == whole.image(2))
        #expect(RestoredSource(rest, gone: [2: "d.png"]).key(2) == "d.png")
    }

    @Test func aMovedSetIsTheSame() throws {
        let files = ["x/a.png", "y/b.png"]
        let (here, there) = (try TemporaryFolder(files), try TemporaryFolder(files))
        #expect(try ImageFolder(classes: here.path).fingerprint == ImageFolder(classes: "\(there.path)/./").fingerprint)
    }
}
