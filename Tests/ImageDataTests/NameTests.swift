import Foundation
import ImageData
import Testing

private let pixel = (try? PNGEncoder.encode([7], height: 1, width: 1, channels: 1)) ?? []

/// Makes a file under a name of bytes.
private func write(_ name: [UInt8], in folder: String) {
    let path = Array("\(folder)/".utf8) + name + [0]
    path.withUnsafeBufferPointer { path in
        path.withMemoryRebound(to: CChar.self) { path in
            guard let file = path.baseAddress.flatMap({ fopen($0, "wb") }) else { return }
            _ = pixel.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
            fclose(file)
        }
    }
}

private func makeFolder(_ name: [UInt8], in folder: String) {
    let path = Array("\(folder)/".utf8) + name + [0]
    path.withUnsafeBufferPointer { path in
        path.withMemoryRebound(to: CChar.self) { _ = $0.baseAddress.map { mkdir($0, 0o755) } }
    }
}

@Suite struct NameTests {
    @Test func namesAreBytes() {
        let composed = FileName("caf\u{E9}")
        let decomposed = FileName("cafe\u{301}")
        #expect("caf\u{E9}" == "cafe\u{301}", "Swift's strings are no keys")
        #expect(composed != decomposed && Set([composed, decomposed]).count == 2)
        #expect(FileName([0xE9]) != FileName([0xE8]) && FileName([0xE8]) < FileName([0xE9]))
        #expect(!FileName([0x63, 0xE9]).isUTF8 && composed.isUTF8)
    }

    @Test(
        arguments: [
            ([UInt8]("plain é 🐈.png".utf8), "plain é 🐈.png"),
            ([0x63, 0xE9], "c\\xe9"),
            ([UInt8]("a\nb\u{1B}[2J\u{7F}".utf8), "a\\x0ab\\x1b[2J\\x7f"),
            ([UInt8]("a\u{9B}b\u{202E}é".utf8), "a\\xc2\\x9bb\\xe2\\x80\\xaeé"),
            ([0xF0, 0x9F, 0x90], "\\xf0\\x9f\\x90"),
            ([UInt8]("e\u{301}\u{9}".utf8), "e\u{301}\\x09"),
            ([], ""),
        ] as [([UInt8], String)])
    func namesAreShownWithoutHarm(bytes: [UInt8], shown: String) {
        #expect(FileName(bytes).description.utf8.elementsEqual(shown.utf8))
    }

    @Test func errorsEscapeNames() {
        let error = ImageError(.io, path: "a\u{1B}[31m", member: "b\r\n", "is gone")
        #expect(error.description == "`a\\x1b[31m`, member `b\\x0d\\x0a`: is gone (io)")
    }

    @Test func namesThatAreNotUTF8AreReadAndCounted() throws {
        let folder = try TemporaryFolder(["z.png"])
        write([0x61, 0xE4] + Array(".png".utf8), in: folder.path)
        write(Array("new\nline.png".utf8), in: folder.path)
        let source = try ImageFolder(flat: folder.path)
        #expect((0..<source.count).map(source.key) == ["a\\xe4.png", "new\\x0aline.png", "z.png"])
        for index in 0..<3 { #expect(try source.image(index).bytes() == [7]) }
        #expect(source.ledger.count(.nameNotUTF8) == 1)
        #expect(source.ledger.summary?.contains("UTF-8") == true)
    }

    @Test func classesThatLookAlikeAreDifferentAndTold() throws {
        let folder = try TemporaryFolder(["x/1.png", "Cat/1.png", "cat/1.png"])
        for name in [[0x63, 0xE9], [0x63, 0xE8], Array("caf\u{E9}".utf8), Array("cafe\u{301}".utf8)] {
            makeFolder(name, in: folder.path)
            write(name + Array("/1.png".utf8), in: folder.path)
        }
        let source = try ImageFolder(classes: folder.path)
        let expected = ["Cat", "cafe\u{301}", "caf\u{E9}", "cat", "c\\xe8", "c\\xe9", "x"]
        #expect(zip(source.labelNames ?? [], expected).allSatisfy { $0.utf8.elementsEqual($1.utf8) })
        #expect((0..<source.count).map(source.label) == [0, 1, 2, 3, 4, 5, 6])
        let notes = source.ledger.notes.joined(separator: "\n")
        #expect(notes.contains("`c\\xe9` has a name that is not UTF-8"))
        #expect(notes.contains("only in letter case") && notes.contains("only in the Unicode form of their names"))
    }

    @Test func everyReadableSuffixIsRead() throws {
        let folder = try TemporaryFolder(["a.png"])
        for name in ["y.JPE", "z.jfif", "w.Jpg"] { write(Array(name.utf8), in: folder.path) }
        #expect(try ImageFolder(flat: folder.path).count == 4)
    }
}

@Suite struct FolderLedgerTests {
    @Test func whatIsNoPictureIsCounted() throws {
        let folder = try TemporaryFolder(["a.png", ".hidden.png", "classes.txt", "b.gif", "sub/c.png"])
        #expect(mkfifo("\(folder.path)/pipe.png", 0o644) == 0)
        try FileManager.default.createSymbolicLink(
            atPath: "\(folder.path)/sub/up", withDestinationPath: "..")
        try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/root", withDestinationPath: "/")
        let ledger = try ImageFolder(flat: folder.path).ledger
        for reason in [SourceLedger.Reason.hidden, .otherSuffix, .otherFormat, .notAFile] {
            #expect(ledger.count(reason) == 1, "\(reason)")
        }
        #expect(ledger.count(.linkToAncestor) == 2, "a link above the folder is one to an ancestor too")
        #expect(ledger.entries.first { $0.reason == .notAFile }?.examples == ["pipe.png"])
        #expect(ledger.isAlarming && ledger.sentences.count == 5)
    }

    @Test func linksThatFanOutEnd() throws {
        let folder = try TemporaryFolder(["b30/x.png"])
        for level in 0..<30 {
            try FileManager.default.createDirectory(
                atPath: "\(folder.path)/b\(level)", withIntermediateDirectories: true)
            for name in ["l", "r"] {
                try FileManager.default.createSymbolicLink(
                    atPath: "\(folder.path)/b\(level)/\(name)", withDestinationPath: "../b\(level + 1)")
            }
        }
        let source = try ImageFolder(flat: "\(folder.path)/b0")
        #expect(source.count < 1100 && source.ledger.count(.repeatedLink) > 0)
    }

    @Test func aPipeIsRefusedWithoutWaiting() throws {
        let folder = try TemporaryFolder(["a.png"])
        #expect(mkfifo("\(folder.path)/x.jpg", 0o644) == 0)
        let error = try #require(throws: ImageError.self) { try ImageDecoder().decode(file: "\(folder.path)/x.jpg") }
        #expect(error.reason == .io && error.message.contains("not a regular file"))
    }
}
