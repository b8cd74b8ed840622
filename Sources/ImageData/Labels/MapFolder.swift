/// A folder of label maps that mirrors a folder of pictures: `a/b.png` is the map of the picture `a/b.jpg`.
struct MapFolder: Sendable {
    /// The folder that mirrors the one of the pictures.
    private let root: FileName
    private let decoder: ImageDecoder

    /// The maps in `maps` of pictures below `pictures`, a folder that is `top` or lies in it: where it lies in it, the maps lie in a
    /// folder of the same name.
    init(_ maps: String, of pictures: String, top: String, decoder: ImageDecoder) throws(ImageError) {
        let trimmed = FileName(maps).trimmed
        guard kind(of: maps) != .nothing else {
            throw ImageError(.io, path: maps, "there is no such folder of label maps")
        }
        guard kind(of: maps) == .folder else {
            throw ImageError(.io, path: maps, "a file; the label maps are a folder of PNG files named as the pictures")
        }
        let part = FileName(pictures).bytes.dropFirst(FileName(top).bytes.count).drop { $0 == FileName.slash }
        root = part.isEmpty ? trimmed : FileName(part).inside(trimmed)
        self.decoder = decoder
        guard kind(of: root) == .folder else {
            throw ImageError(
                .io, path: maps,
                "there is no folder `\(FileName(part))` of the maps of the pictures in `\(FileName(pictures))`; maps lie as their pictures do"
            )
        }
        // Read as pictures, maps would be learned from.
        let (own, theirs) = (realPath(root), realPath(FileName(pictures)))
        guard own != theirs, !own.bytes.starts(with: theirs.bytes + [FileName.slash]) else {
            throw ImageError(
                .unsupported, path: maps,
                "the label maps lie in the folder of the pictures, `\(FileName(pictures))`, where they would be read as pictures; put "
                    + "them into a folder of their own")
        }
    }

    /// The name of the map of a picture, below the folder.
    private static func name(of picture: FileName) -> FileName {
        let suffix = picture.suffix.utf8.count
        return FileName(Array(picture.bytes.dropLast(suffix)) + Array("png".utf8))
    }

    /// The numbers of those of `pictures` that have a map. What is without the other is counted; no map at all is an error.
    func matched(_ pictures: [FileName], ledger: inout SourceLedger) throws(ImageError) -> [Int] {
        var walk = FolderWalk()
        try walk.walk(root)
        var left = Set(walk.files.filter { $0.suffix == "png" })
        let others = walk.files.filter { $0.suffix != "png" }.sorted()
        if let first = others.first {
            ledger.note(
                "\(others.count) \(others.count == 1 ? "file" : "files") in the folder of label maps \(others.count == 1 ? "is" : "are") no "
                    + "PNG, which maps are, such as `\(first)`")
        }
        let names = Set(left)
        var found: [Int] = []
        for (number, picture) in pictures.enumerated() {
            let name = Self.name(of: picture)
            if names.contains(name) {
                found.append(number)
                if left.remove(name) == nil { ledger.add(.sharedMap, picture.description) }
            } else {
                ledger.add(.pictureWithoutMap, picture.description)
            }
        }
        guard !found.isEmpty else {
            throw ImageError(
                .label, path: root.description,
                "no picture has a label map here; the map of `\(pictures[0])` would be `\(Self.name(of: pictures[0]))`")
        }
        for name in left.sorted() { ledger.add(.mapWithoutPicture, name.description) }
        return found
    }

    /// The map of a picture.
    func map(of picture: FileName) throws(ImageError) -> LabelMap {
        let file = Self.name(of: picture).inside(root)
        return try LabelMap(
            png: try readFile(file, limit: decoder.mostFileBytes), path: file.description, limits: decoder)
    }
}

extension FileName {
    /// The name without slashes at its end.
    fileprivate var trimmed: FileName {
        var rest = bytes
        while rest.count > 1, rest.last == Self.slash { rest.removeLast() }
        return FileName(rest)
    }
}
