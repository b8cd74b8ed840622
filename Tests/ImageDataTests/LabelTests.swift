import Foundation
import ImageData
import TestSupport
import Testing

private let context = SourceContext(cards: DatasetCards(folders: []))

/// A folder of pictures with a file of labels in it, and the options that read them.
private struct Labelled {
    let folder: TemporaryFolder
    var options = ImagesSourceOptions()

    init(_ pictures: [String], _ text: String, as name: String = "labels.csv") throws {
        try self.init(pictures, Array(text.utf8), as: name)
    }

    init(_ pictures: [String], _ bytes: [UInt8], as name: String = "labels.csv") throws {
        folder = try TemporaryFolder(pictures)
        try folder.write(name, bytes)
        options.path = folder.path
        options.labels = "\(folder.path)/\(name)"
    }

    func open(_ part: DatasetPart = .train) throws -> any ImageSource { try options.open(part, in: context) }

    /// Keys with the names of their labels.
    func pairs() throws -> [String] {
        let source = try open()
        return (0..<source.count).map {
            "\(source.key($0)) \(source.label($0).flatMap { source.labelNames?[$0] } ?? "-")"
        }
    }

    func error(_ part: DatasetPart = .train) throws -> ImageError {
        try #require(throws: ImageError.self) { try options.open(part, in: context) }
    }
}

@Suite struct LabelTests {
    @Test func aFileWithoutAHeaderLineIsTold() throws {
        let set = try Labelled(["a.png", "b.png"], "a.png,cat\nb.png,dog\n")
        #expect(try set.error().message.contains("line 1 names the picture `a.png`"))
    }

    @Test(arguments: ["\n", "\r\n"]) func tablesAreReadAsTheyAreWritten(end: String) throws {
        let rows = [
            "file,label,note", "\"a,b.png\",\"say \"\"hi\"\"\",\"two\(end)lines\"", "", "./x/c.png , dog ,",
            "\"d.png\", dog,\"\"",
        ]
        for (mark, last) in [("", end), ("\u{FEFF}", ""), ("", "\r")] {
            let set = try Labelled(["a,b.png", "x/c.png", "d.png"], mark + rows.joined(separator: end) + last)
            #expect(try set.pairs() == ["a,b.png say \"hi\"", "d.png dog", "x/c.png dog"])
            #expect(try set.open().labelNames == ["dog", "say \"hi\""])
        }
    }

    @Test func jsonLinesAreReadAsTablesAre() throws {
        let text = """
            {"file": "a.png", "label": "caf\\u00e9", "x": [1]}

            {"label": 7, "file": "b.png"}
            {"file": "c.png", "label": null}
            {"file": "d.png"}
            """
        let set = try Labelled(["a.png", "b.png", "c.png", "d.png"], text, as: "labels.jsonl")
        #expect(try set.pairs() == ["a.png café", "b.png 7"])
        #expect(try set.open().ledger.count(.emptyLabel) == 2)
    }

    @Test func columnsAreTakenByNameOrPlaceAndTold() throws {
        for (header, note) in [
            ("file,label", "labels: column `label` of labels.csv, file names: column `file`"),
            ("image,class", "labels: column `class` of labels.csv, file names: column `image`"),
            ("image,file", "labels: column `image` of labels.csv, file names: column `file`"),
            ("label,image", "labels: column `label` of labels.csv, file names: column `image`"),
        ] {
            let isTurned = header.hasSuffix("file") || header.hasPrefix("label")
            let set = try Labelled(["a.png"], "\(header)\n\(isTurned ? "cat,a.png" : "a.png,cat")\n")
            #expect(try set.pairs() == ["a.png cat"], "\(header)")
            let notes = try set.open().ledger.notes
            #expect(notes.contains(note), "\(notes)")
        }
        var set = try Labelled(["a.png"], "id,path,kind\n1,a.png,cat\n")
        set.options.nameColumn = "path"
        set.options.labelColumn = "kind"
        #expect(try set.pairs() == ["a.png cat"])
        set.options.labelColumn = "kin"
        #expect(
            try set.error().description.contains(
                "no column `kin`, which data.source.label_column names; there are `id`, `path`, `kind`"))
        set.options.labelColumn = "path"
        #expect(try set.error().message.contains("for both file names and labels"))
    }

    @Test func numbersAreInTheirOwnOrder() throws {
        let pictures = (0..<4).map { "\($0).png" }
        let rows = zip(pictures, ["10", "9", "2", "002"]).map { "\($0),\($1)" }.joined(separator: "\n")
        #expect(try Labelled(pictures, "file,label\n" + rows).open().labelNames == ["002", "2", "9", "10"])
        let mixed = try Labelled(pictures, "file,label\n" + rows.replacing("002", with: "-2"))
        #expect(try mixed.open().labelNames == ["-2", "10", "2", "9"])
    }

    @Test func namesWithoutAFolderStandForSinglePictures() throws {
        let set = try Labelled(["x/a.png", "y/b.png", "b.png"], "file,label\na.png,1\nb.png,2\ny/b.png,3\n")
        #expect(try set.pairs() == ["b.png 2", "x/a.png 1", "y/b.png 3"])
        let twins = try Labelled(["x/a.png", "y/a.png"], "file,label\na.png,1\n")
        #expect(try twins.error().description.contains("line 2"))
        #expect(try twins.error().message.contains("is the name of 2 pictures, such as `x/a.png` and `y/a.png`"))
    }

    @Test func whatDoesNotFitIsCounted() throws {
        let text = "file,label\na.png,cat\nb.png,\ngone.png,dog\na.png,cat\n"
        let set = try Labelled(["a.png", "b.png", "c.png", "d.png"], text)
        let ledger = try set.open().ledger
        #expect(try set.pairs() == ["a.png cat"])
        #expect(ledger.count(.pictureWithoutRow) == 2 && ledger.count(.rowWithoutPicture) == 1)
        #expect(ledger.count(.emptyLabel) == 1 && ledger.count(.repeatedRow) == 1 && ledger.isAlarming)
        #expect(ledger.entries.first { $0.reason == .pictureWithoutRow }?.examples == ["c.png", "d.png"])
        #expect(ledger.summary?.contains("1 row of the file of labels without a picture (`gone.png`)") == true)
    }

    @Test(arguments: [
        (
            "file,label\na.png,cat\nb.png,dog\n./a.png,dog\n", "line 4",
            "has the label `dog` here and the label `cat` in line 2"
        ),
        ("file,label\na.png,cat\na.png,\n", "line 3", "has no label here and the label `cat` in line 2"),
        ("file,label\nx.png,cat\n", "line 2", "none of the 1 rows is a picture below"),
        ("file,label\na.png,\nb.png,\n", "labels.csv", "the label of each picture below"),
        ("file,label\n", "labels.csv", "no row"), ("", "labels.csv", "no row"),
        ("file,label\na.png\n", "line 2", "1 fields, where the header has 2"),
        ("file;label\na.png;cat\n", "line 1", "parted by a comma and not by a semicolon"),
        ("file\na.png\n", "line 1", "the header has a single column, `file`"),
        ("file,label,label\na.png,cat,dog\n", "line 1", "the column `label` stands there 2 times"),
        ("file,label\n\"a.png,cat\n", "line 2", "a quotation mark is opened here and never closed"),
        ("file,label\na.png,c\"at\n", "line 2", "a quotation mark inside of a field"),
        ("file,label\na.png,\"c\"at\n", "line 2", "text behind a closing quotation mark"),
        ("file,label\n,cat\n", "line 2", "the file name is empty"),
        ("file,label\ra.png,cat\rb.png,dog", "line 1", "a carriage return inside of a line"),
        ("file,label\na.png,c\0at\n", "line 2", "a zero byte"),
    ])
    func faultsSayTheLineAndWhatIsAllowed(text: String, place: String, words: String) throws {
        let error = try Labelled(["a.png", "b.png"], text).error()
        #expect(error.description.contains(place) && error.message.contains(words), "\(error)")
        #expect(!error.description.contains("\n"))
    }

    @Test(arguments: [
        ("[1]\n", "is no object"), ("{\"file\": 1, \"label\": 2}\n", "the key `file` is 1"),
        ("{\"file\": \"a.png\", \"label\": \"x\"}\n{\"label\": 2}\n", "the key `file` is missing"),
        ("{\"file\": \"a.png\", \"label\": true}\n", "allowed is a string, a number or null"),
        ("{\"file\": \"a.png\", \"label\": \n", "each line is a JSON object"),
        ("{\"file\": \"a.png\"}", "file name and label are two"),
    ])
    func faultsOfJSONLinesSayTheLine(text: String, words: String) throws {
        let error = try Labelled(["a.png"], text, as: "l.jsonl").error()
        #expect(
            error.description.contains("line \(text.split(separator: "\n").count)") && error.message.contains(words),
            "\(error)")
    }

    @Test func otherFormsAreRefusedBeforeTheyAreLookedFor() throws {
        for name in ["labels.tsv", "labels.json", "labels"] {
            var options = ImagesSourceOptions()
            options.path = "/"
            options.labels = "/nowhere/\(name)"
            let error = try #require(throws: ImageError.self) { try LabelFile(options.labels ?? "", columns: .init()) }
            #expect(error.reason == .unsupported && error.message.contains("labels are read from .csv"))
        }
        let wide = try Labelled(["a.png"], [0xFF, 0xFE] + Array("file".utf8))
        #expect(try wide.error().message.contains("UTF-16"))
    }

    @Test func namesInOtherEncodingsAreBytes() throws {
        let folder = try TemporaryFolder(["a.png"])
        let text: [UInt8] = Array("file,label\na.png,caf".utf8) + [0xE9, 10]
        try folder.write("l.csv", text)
        let found = try ImageFolder(flat: folder.path)
        #expect(found.count == 1)
        var options = ImagesSourceOptions()
        options.path = folder.path
        options.labels = folder.path + "/l.csv"
        #expect(try options.open(.train, in: context).labelNames == ["caf\\xe9"])
    }

    @Test func hostileBytesEndInAnErrorOrARow() throws {
        let quotes = [UInt8](repeating: UInt8(ascii: "\""), count: 200_001)
        let commas = [UInt8](repeating: UInt8(ascii: ","), count: 5000)
        let opened = Array("file,label\n\"".utf8) + [UInt8](repeating: 65, count: 100_000)
        let nested = [UInt8](repeating: UInt8(ascii: "["), count: 100_000)
        for bytes in [quotes, commas, opened, nested, [0xEF, 0xBB, 0xBF], [0], [10, 13, 13, 10]] {
            for path in ["l.csv", "l.jsonl"] {
                #expect(throws: ImageError.self) { try LabelFile(bytes, path: path, columns: .init()) }
            }
        }
        let error = try #require(throws: ImageError.self) { try LabelFile(opened, path: "l.csv", columns: .init()) }
        #expect(error.message.contains("more than 65536 bytes begins here"))
    }

    @Test func aHundredThousandRowsAreNoWork() throws {
        let pictures = (0..<100_000).map { FileName("folder\($0 % 97)/picture\($0).png") }
        let text = "file,label\n" + (0..<100_000).map { "picture\($0).png,class\($0 % 1000)" }.joined(separator: "\n")
        let seconds = try processorSeconds {
            let file = try LabelFile(Array(text.utf8), path: "l.csv", columns: .init())
            _ = try file.labelled(pictures, below: "pictures")
        }
        // Quadratic time would be minutes.
        #expect(seconds < 20)
    }

    @Test func fingerprintsFollowLabels() throws {
        let one = try Labelled(["a.png", "b.png"], "file,label\na.png,0\nb.png,1\n")
        let two = try Labelled(["a.png", "b.png"], "file,label\na.png,1\nb.png,0\n")
        let same = try Labelled(
            ["a.png", "b.png"], "{\"file\": \"b.png\", \"label\": 1}\n{\"file\": \"a.png\", \"label\": 0}\n",
            as: "l.jsonl")
        #expect(try one.open().fingerprint != two.open().fingerprint)
        #expect(try one.open().fingerprint == same.open().fingerprint)
    }
}
