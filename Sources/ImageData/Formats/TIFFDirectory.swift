/// The directory of a page of a TIFF file: where it is, and the few of its numbers that are wanted before libtiff reads it.
///
/// Own code, because libtiff looks for a loop in the chain of pages in a time that grows with the square of their number.
struct TIFFDirectory {
    /// Pages that are counted at most.
    static let mostPages = 65_536

    /// The place of the directory in the file.
    let offset: UInt64
    /// Pages of the file, at most `mostPages`.
    let pages: Int
    private let file: TIFFNumbers

    /// The sizes and byte order of a file's numbers.
    struct Form {
        var isLittle: Bool
        var isBig: Bool

        /// The form that the first bytes of a TIFF tell, of which there are 8 at least.
        init(_ file: UnsafeRawBufferPointer) {
            isLittle = file[0] == 0x49
            isBig = file[2] == 0x2B || file[3] == 0x2B
        }

        var countBytes: Int { isBig ? 8 : 2 }
        var entryBytes: Int { isBig ? 20 : 12 }
        var offsetBytes: Int { isBig ? 8 : 4 }
    }

    /// The directory of page `page`, counted from 0, of a file in memory.
    init(
        page: Int, of file: UnsafeRawBufferPointer, _ path: String, _ member: String?
    ) throws(ImageError) {
        guard file.count >= 8 else {
            throw ImageError(
                .truncated, path: path, member: member, "the file ends after \(file.count) bytes, inside its header")
        }
        try self.init(page: page, of: TIFFNumbers(file), path, member)
    }

    /// The directory of page `page`, counted from 0, of a file in memory or on a disk.
    init(page: Int, of file: TIFFNumbers, _ path: String, _ member: String?) throws(ImageError) {
        func fault(_ reason: ImageError.Reason, _ message: String) -> ImageError {
            ImageError(reason, path: path, member: member, message)
        }
        let form = file.form
        self.file = file
        guard var next = file.number(form.isBig ? 8 : 4, form.offsetBytes) else {
            throw fault(.truncated, "the file ends after \(file.count) bytes, inside its header")
        }
        var wanted: UInt64?
        var count = 0
        var seen: Set<UInt64> = []
        // A chain that leads back to an earlier page ends there.
        while next != 0, count < Self.mostPages, seen.insert(next).inserted {
            guard let following = file.directory(behind: next) else {
                if wanted != nil { break }
                throw fault(
                    .truncated, "the file has \(file.count) bytes, the directory of page \(count) is at byte \(next)")
            }
            if count == page { wanted = next }
            count += 1
            next = following
        }
        guard let offset = wanted else {
            throw fault(
                count == 0 ? .corrupt : .unsupported,
                count == 0
                    ? "a TIFF without a page"
                    : "there is no page \(page), counted from 0; the file has \(count). Set data.tiff_page (--tiff-page of the "
                        + "data commands)")
        }
        self.offset = offset
        pages = count
        guard isWhole else {
            throw fault(.truncated, "the file has \(file.count) bytes, and a part of its directory lies beyond")
        }
    }

    /// Tags whose values libtiff does without where they lie beyond the end of the file: it then reads another picture.
    private static let needed = [258, 273, 277, 279, 320, 324, 325, 338, 339, 347]
    /// Bytes of a value of each type.
    private static let typeBytes: [UInt64: Int] = [
        1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8,
    ]

    /// Type, number and place of a tag's values; nil without the tag. The place may be outside of the file.
    private func values(_ tag: Int) -> (type: UInt64, count: UInt64, place: Int)? {
        let (start, form) = (Int(offset), file.form)
        guard let count = file.number(start, form.countBytes) else { return nil }
        for entry in 0..<Int(min(count, 4096)) {
            let place = start + form.countBytes + entry * form.entryBytes
            guard let found = file.number(place, 2), let type = file.number(place + 2, 2),
                let values = file.number(place + 4, form.isBig ? 8 : 4)
            else { return nil }
            guard found == tag, let size = Self.typeBytes[type] else { continue }
            let value = place + 4 + (form.isBig ? 8 : 4)
            if values <= UInt64(form.offsetBytes / size) { return (type, values, value) }
            guard let away = file.number(value, form.offsetBytes) else { return nil }
            return (type, values, Int(exactly: away) ?? Int.max)
        }
        return nil
    }

    /// True where the values of all tags that matter are in the file.
    private var isWhole: Bool {
        Self.needed.allSatisfy { tag in
            guard let (type, count, place) = values(tag), let size = Self.typeBytes[type] else { return true }
            let (bytes, overflow) = count.multipliedReportingOverflow(by: UInt64(size))
            return !overflow && place <= file.count && bytes <= UInt64(file.count - place)
        }
    }

    /// The first number of a tag of one of the types BYTE, SHORT, LONG and LONG8; nil without it.
    func number(_ tag: Int) -> Int? {
        guard let (type, count, place) = values(tag), count >= 1, [1, 3, 4, 16].contains(type),
            let size = Self.typeBytes[type]
        else { return nil }
        return file.number(place, size).flatMap { Int(exactly: $0) }
    }

    /// Throws where the page's numbers are places in a palette and the picture has no colours: libtiff makes gray of a palette that
    /// it cannot read.
    func requirePalette(_ image: DecodedImage, _ path: String, _ member: String?) throws(ImageError) {
        guard number(262) == 3, image.channels != 3 else { return }
        throw ImageError(.corrupt, path: path, member: member, "a TIFF whose palette cannot be read")
    }

    /// The orientation of the page; anything odd is `upright`.
    var orientation: ImageOrientation { number(274).flatMap { ImageOrientation(rawValue: $0) } ?? .upright }

    /// Bytes of the page's samples, by its header; `Int.max` where that is no number.
    var bytes: Int { bytes(height: number(257) ?? 1, width: number(256) ?? 1) }

    /// Bytes of the samples of so many pixels of the page.
    func bytes(height: Int, width: Int) -> Int {
        let bits = [height, width, number(277) ?? 1, number(258) ?? 1].reduce(1) {
            let product = $0.multipliedReportingOverflow(by: $1)
            return product.overflow || $0 == Int.max ? Int.max : product.partialValue
        }
        return bits / 8
    }
}
