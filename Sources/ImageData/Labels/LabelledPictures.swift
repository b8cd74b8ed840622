/// Pictures of a folder with the labels that a file gives them.
package struct LabelledPictures: Sendable {
    /// Paths below the folder, in their order.
    var files: [FileName] = []
    /// The class of each.
    var labels: [Int32] = []
    /// What a split keeps together; empty without groups.
    var groups: [FileName] = []
    /// The classes, as the labels call them.
    var table: ClassTable
    /// What was passed over, and which columns were taken.
    var ledger = SourceLedger()
}

extension LabelFile {
    /// Classes of a set, at most.
    private static let mostClasses = 65_536

    /// The pictures among `pictures` that rows of the file give a label.
    ///
    /// A name is a path below the folder, or else, without a folder in it, the base name of a single picture. Pictures without a row
    /// or with an empty label, rows without a picture and rows that say the same again are counted. Two rows that say different
    /// things of one picture are an error, and so is a file of which no row fits.
    package func labelled(_ pictures: [FileName], below root: String) throws(ImageError) -> LabelledPictures {
        // Without a header line the first picture would be taken for the names of the columns.
        if let first = header.first(where: { pictures.contains($0) }) {
            throw ImageError(
                .label, path: path,
                "line 1 names the picture `\(first)`, where names of columns are expected; write a header line such as file,label "
                    + "above it")
        }
        var ledger = SourceLedger()
        ledger.note(note)
        let rowOf = try match(pictures, below: root, ledger: &ledger)
        var found: [(picture: FileName, row: Row)] = []
        for (picture, number) in zip(pictures, rowOf) {
            guard let number else {
                ledger.add(.pictureWithoutRow, picture.description)
                continue
            }
            let row = rows[number]
            if row.label.bytes.isEmpty {
                ledger.add(.emptyLabel, picture.description)
            } else {
                found.append((picture, row))
            }
        }
        guard !found.isEmpty else {
            throw ImageError(
                .label, path: path, "the label of each picture below `\(FileName(root))` is empty; \(note)")
        }
        let names = Set(found.map(\.row.label))
        guard names.count <= Self.mostClasses else {
            throw ImageError(
                .label, path: path,
                "\(names.count) different labels; at most \(Self.mostClasses) are classes, so name the column of the classes with "
                    + "data.source.label_column (\(note))")
        }
        let table = ClassTable(labels: names)
        let numbers = table.labels
        for sentence in table.notes { ledger.note(sentence) }
        var made = LabelledPictures(table: table)
        made.files = found.map(\.picture)
        made.labels = found.map { numbers[$0.row.label] ?? 0 }
        if found.contains(where: { !$0.row.group.bytes.isEmpty }) { made.groups = found.map(\.row.group) }
        made.ledger = ledger
        return made
    }

    /// The number of the row of each picture; nil where there is none.
    private func match(
        _ pictures: [FileName], below root: String, ledger: inout SourceLedger
    ) throws(ImageError) -> [Int?] {
        let places = Dictionary(zip(pictures, pictures.indices), uniquingKeysWith: { first, _ in first })
        // Made where a row needs them: file names mostly are paths.
        var bases: [FileName: [Int]]?
        var rowOf = [Int?](repeating: nil, count: pictures.count)
        var first: Row?
        for (number, row) in rows.enumerated() {
            var place = places[row.name]
            if place == nil, row.name.folder.isEmpty, !row.name.bytes.contains(FileName.slash) {
                let known = bases ?? Dictionary(grouping: pictures.indices) { FileName(pictures[$0].base) }
                bases = known
                let alike = known[row.name] ?? []
                guard alike.count <= 1 else {
                    throw ImageError(
                        .label, path: path,
                        "line \(row.line): `\(row.name.short)` is the name of \(alike.count) pictures, such as `\(pictures[alike[0]])` and "
                            + "`\(pictures[alike[1]])`; write their paths below `\(FileName(root))`")
                }
                place = alike.first
            }
            guard let place else {
                ledger.add(.rowWithoutPicture, row.name.short)
                first = first ?? row
                continue
            }
            if let earlier = rowOf[place] {
                try requireSame(rows[earlier], row, of: pictures[place])
                ledger.add(.repeatedRow, row.name.short)
            } else {
                rowOf[place] = number
            }
        }
        if let first, !rowOf.contains(where: { $0 != nil }) {
            throw ImageError(
                .label, path: path,
                "none of the \(count) rows is a picture below `\(FileName(root))`: line \(first.line) names `\(first.name.short)`, and the folder has "
                    + "`\(pictures[0])`; file names are paths below that folder, or the names of single pictures (\(note)); "
                    + "data.source.name_column and data.source.label_column of a recipe choose other columns"
            )
        }
        return rowOf
    }

    private func requireSame(_ one: Row, _ other: Row, of picture: FileName) throws(ImageError) {
        func words(_ row: Row) -> String {
            (row.label.bytes.isEmpty ? "no label" : "the label `\(row.label.short)`")
                + (row.group.bytes.isEmpty ? "" : " and the group `\(row.group.short)`")
        }
        guard one.label != other.label || one.group != other.group else { return }
        throw ImageError(
            .label, path: path,
            "line \(other.line): the picture `\(picture)` has \(words(other)) here and \(words(one)) in line \(one.line); keep one of the rows"
        )
    }
}

extension ClassTable {
    /// The table of labels, which are their own names: in the order of their bytes, or, where all are integers without a sign, in that
    /// of their numbers, so that 10 comes behind 9.
    init(labels: some Collection<FileName>) {
        self.init(folders: labels)
        guard labels.allSatisfy({ $0.bytes.allSatisfy { (0x30...0x39).contains($0) } }) else { return }
        func digits(_ label: FileName) -> ArraySlice<UInt8> { label.bytes.drop { $0 == 0x30 } }
        folders.sort { a, b in
            let (left, right) = (digits(a), digits(b))
            if left.count != right.count { return left.count < right.count }
            // Without zeros in front the order of as many digits is that of their bytes; 1 and 01 are told apart by those.
            return left.elementsEqual(right) ? a < b : left.lexicographicallyPrecedes(right)
        }
        names = folders.map(\.description)
    }
}
