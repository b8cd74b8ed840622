#if Commands
import ArgumentParser
import Foundation
import ImageData
import RecipeSchema

/// `pretrain data`: pictures and data sets as this program sees them.
struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data",
        abstract: "Look at picture files and data sets as pretraining would read them, or write some to try.",
        subcommands: [DataInspectCommand.self, DataCheckCommand.self, DataWriteCommand.self])
}

/// How pictures are decoded where no recipe says it.
struct DecodingArguments: ParsableArguments {
    @Option(help: "Most pixels of a picture, as data.max_pixels.")
    var maxPixels = ImageDecoder.usualPixels

    @Option(help: "Page of TIFF files, counted from 0, or all, as data.tiff_page.")
    var tiffPage = "0"

    @Option(help: "Axes of three-dimensional .npy arrays, as data.npy_layout: auto, hwc or chw.")
    var npyLayout = ArrayLayout.auto.rawValue

    func validate() throws { _ = try options() }

    var decoder: ImageDecoder { ((try? options()) ?? DataOptions()).decoder }
    var takesEachPage: Bool { (try? options())?.pages == .all }

    /// The options as the section of a recipe that they are, with other rows where they are given: its ranges hold.
    func options(_ others: [(String, JSONValue)] = []) throws -> DataOptions {
        let section = JSONValue.object(
            others + [
                ("max_pixels", JSONValue(maxPixels)),
                ("tiff_page", Int(tiffPage).map { JSONValue($0) } ?? JSONValue(tiffPage)),
                ("npy_layout", JSONValue(npyLayout)),
            ])
        var problems: [Problem] = []
        guard let options = DataOptions.decode(section, at: "data", &problems) else {
            throw ValidationError(problems.map { "\($0.path): \($0.message)" }.joined(separator: "; "))
        }
        return options
    }
}

/// `pretrain data inspect`: decodes files.
struct DataInspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Decode picture files: size, bands, type, range, mean, orientation, or what is wrong with them.",
        discussion: """
            Example: pretrain data inspect photos/*.jpg scenes/*.tif --json
            Means are of numbers in [0, 1], the range of an integer type; numbers with a point are as they are. Ranges are of \
            stored numbers.
            Exit code 65 if a file cannot be read.
            """)

    @Argument(help: "Picture files.", completion: .file())
    var files: [String]

    @Flag(help: "One JSON object a file on standard output.")
    var json = false

    @OptionGroup var decoding: DecodingArguments

    func run() throws {
        var failed = false
        for path in files {
            var decoder = decoding.decoder
            let pages =
                decoding.takesEachPage ? 0..<TIFFPageCount(of: FileName(path)).pages : decoder.page..<decoder.page + 1
            for page in pages {
                decoder.page = page
                do {
                    let file = try decoder.decode(file: path)
                    try Console.show(json ? row(path, file, page).text() : line(path, file, page))
                } catch let error as ImageError {
                    failed = true
                    let place = pages.count > 1 ? "page \(page): " : ""
                    try Console.show(
                        json
                            ? row(path, error, page).text()
                            : "\(FileName(path)): \(place)\(error.message) (\(error.reason.rawValue))")
                }
            }
        }
        if failed { throw ExitCode(65) }
    }

    private func row(_ path: String, _ file: DecodedFile, _ page: Int) -> JSONValue {
        let bands = file.image.bandStatistics()
        return .object([
            ("path", JSONValue(path)), ("format", JSONValue(file.format.rawValue)),
            ("width", JSONValue(file.image.width)), ("height", JSONValue(file.image.height)),
            ("channels", JSONValue(file.image.channels)), ("type", JSONValue(file.image.numberType)),
            ("bit_depth", JSONValue(file.bitDepth)), ("orientation", JSONValue(file.orientation.rawValue)),
            ("pages", JSONValue(file.pages)), ("page", JSONValue(page)),
            ("mean", JSONValue(bands.map { JSONValue($0.mean) })),
            ("std", JSONValue(bands.map { JSONValue($0.deviation) })), ("ranges", JSONValue(bands.map(Spoken.json))),
            ("not_finite", JSONValue(file.image.notFiniteCount)),
            (
                "constant_bands",
                JSONValue(bands.indices.filter { bands[$0].isConstant }.map { JSONValue($0) })
            ),
            ("warnings", JSONValue(file.warningCount)),
            ("first_warning", file.firstWarning.map { JSONValue($0) } ?? .null), ("error", .null),
        ])
    }

    private func row(_ path: String, _ error: ImageError, _ page: Int) -> JSONValue {
        let unknown = [
            "format", "width", "height", "channels", "type", "bit_depth", "orientation", "pages", "mean", "std",
            "ranges", "not_finite", "constant_bands",
        ]
        return .object(
            [("path", JSONValue(path)), ("page", JSONValue(page))] + unknown.map { ($0, .null) }
                + [
                    (
                        "error",
                        .object([("class", JSONValue(error.reason.rawValue)), ("message", JSONValue(error.message))])
                    )
                ])
    }

    private func line(_ path: String, _ file: DecodedFile, _ page: Int) -> String {
        let bands = file.image.bandStatistics()
        let kinds = [1: "gray", 3: "RGB"]
        let kind = kinds[bands.count] ?? "\(bands.count) bands"
        let type = file.image.numberType == "unsigned" ? "" : " \(file.image.numberType)"
        var text =
            "\(FileName(path)): \(file.format.rawValue), \(file.image.width) x \(file.image.height), \(kind), "
            + "\(file.bitDepth) bit\(type)"
        text += ", \(Spoken.range(bands.reduce(nil) { hull($0, $1.range) }))"
        if kinds[bands.count] != nil {
            text += ", mean " + bands.map { Spoken.number($0.mean) }.joined(separator: " ")
        }
        if file.orientation != .upright { text += ", orientation \(file.orientation.rawValue)" }
        if file.pages > 1 { text += ", page \(page) of \(file.pages)" }
        if let warning = file.firstWarning { text += ", \(file.warningCount) warnings: \(warning)" }
        var lines = [text]
        if kinds[bands.count] == nil {
            lines += bands.enumerated().map { number, band in
                "  band \(number): \(Spoken.range(band.range)), mean \(Spoken.number(band.mean)), "
                    + "std \(Spoken.number(band.deviation))"
            }
        }
        if let fault = file.image.notFiniteFault { lines.append("  warning: \(fault)") }
        if file.image.omissions.contains(.alpha) {
            lines.append("  note: its transparency (a band of alpha) is not read")
        }
        if file.image.omissions.contains(.frames) {
            lines.append("  note: it has frames behind the first, which are not read")
        }
        let constant = bands.indices.filter { bands[$0].isConstant }
        if !constant.isEmpty {
            let some =
                "\(constant.count == 1 ? "band" : "bands") \(constant.map(String.init).joined(separator: ", ")), counted from 0"
            lines.append("  warning: all numbers are the same in \(constant.count == bands.count ? "each band" : some)")
        }
        return lines.joined(separator: "\n")
    }
}

/// Numbers and ranges for people and in JSON.
private enum Spoken {
    /// Four digits behind the point, or the leading digits of large and small numbers.
    static func number(_ value: Double) -> String {
        value == 0 || (0.001..<1e6).contains(abs(value)) ? String(format: "%.4f", value) : String(format: "%.5g", value)
    }

    static func range(_ range: ClosedRange<Double>?) -> String {
        guard let range else { return "no finite number" }
        func short(_ value: Double) -> String {
            String(format: value == value.rounded() && abs(value) < 1e15 ? "%.0f" : "%.6g", value)
        }
        return "\(short(range.lowerBound)) to \(short(range.upperBound))"
    }

    static func json(_ band: BandStatistics) -> JSONValue {
        band.range.map { JSONValue([JSONValue($0.lowerBound), JSONValue($0.upperBound)]) } ?? .null
    }
}

/// `pretrain data check`: reads a whole data set.
struct DataCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Read a whole data set: count, classes, unreadable files, mean and deviation.",
        discussion: """
            Example: pretrain data check card=cifar10:data/cifar-10-batches-bin
            A card without files of its own needs no path: pretrain data check builtin
            Exit code 65 if a picture cannot be read, or a part that is there cannot be used.
            """)

    @Argument(help: "A card, a path, KIND:PATH or card=NAME:PATH.")
    var source: String

    @Flag(help: "One JSON object a part on standard output.")
    var json = false

    @Option(help: "Threads to read with.")
    var threads = ProcessInfo.processInfo.activeProcessorCount

    @OptionGroup var labelling: LabelArguments

    @Option(
        parsing: .unconditional, help: "Stored number, or nan, that is no data, as data.missing_value.")
    var missingValue: String?

    @Option(help: "Look at pictures tile by tile, in a grid of tiles of so many pixels a side, as data.tiles.size.")
    var tiles: Int?

    @OptionGroup var decoding: DecodingArguments

    func validate() throws {
        guard (1...1024).contains(threads) else {
            throw ValidationError("--threads is \(threads), allowed are 1 to 1024")
        }
        _ = try data()
    }

    private func data() throws -> DataOptions {
        let missing = missingValue.map { Double($0).flatMap { $0.isFinite ? JSONValue($0) : nil } ?? JSONValue($0) }
        let grid = tiles.map { JSONValue.object([("size", JSONValue($0)), ("placement", JSONValue("grid"))]) }
        let others = [("missing_value", missing), ("tiles", grid)]
        return try decoding.options(others.compactMap { name, value in value.map { (name, $0) } })
    }

    func run() throws {
        let cards = DataAccess.cards
        var options: any SourceOptions
        if cards.names.contains(source), !FileManager.default.fileExists(atPath: source) {
            var named = CardSourceOptions()
            named.card = source
            options = named
        } else {
            options = try SourceArgument.parse(source)
        }
        options = try labelling.applied(to: options)
        var data = try data()
        data.source = options
        var parts: [(DatasetPart, any ImageSource)] = []
        var absent: [(DatasetPart, ImageError)] = []
        for part in DatasetPart.allCases {
            do throws(ImageError) {
                parts.append((part, try data.open(part, cards: cards, indexFolder: DataAccess.indexFolder)))
            } catch {
                absent.append((part, error))
            }
        }
        if parts.isEmpty, let (_, error) = absent.first { throw error }
        // A set may have one part only; any other fault of a part is what the user wants to know.
        var failed = absent.contains { $0.1.reason != .noPart }
        for (part, opened) in parts {
            let summary = SourceSummary(of: opened, threads: threads)
            failed = failed || !summary.unreadable.isEmpty || summary.notFinite.pictures > 0
            let kinds = summary.channelCounts
            let range = kinds.count == 1 ? kinds.keys.first.flatMap { narrowRange(opened, channels: $0) } : nil
            let notes = summary.warnings + [range].compactMap { $0 }
            try Console.show(json ? row(part, opened, summary, notes).text() : text(part, opened, summary, notes))
        }
        for (part, error) in absent {
            let text = error.reason == .noPart ? error.message : "\(error)"
            Console.say("no \(part.rawValue) part: \(text)")
        }
        if failed { throw ExitCode(65) }
    }

    private func narrowRange(_ source: any ImageSource, channels: Int) -> String? {
        SourceSample.narrowRange(of: source, channels: channels, threads: threads)
    }

    private func row(
        _ part: DatasetPart, _ opened: any ImageSource, _ summary: SourceSummary, _ notes: [String]
    ) -> JSONValue {
        func bounds(_ range: ClosedRange<Int>?) -> JSONValue {
            range.map { JSONValue([JSONValue($0.lowerBound), JSONValue($0.upperBound)]) } ?? .null
        }
        func list(_ values: [Double]?) -> JSONValue { values.map { JSONValue($0.map { JSONValue($0) }) } ?? .null }
        let classes = summary.labelCounts.enumerated().map { label, count -> JSONValue in
            .object([
                ("label", JSONValue(label)), ("name", JSONValue(name(label, opened))), ("count", JSONValue(count)),
            ])
        }
        let unreadable = summary.unreadable.map { picture -> JSONValue in
            .object([
                ("key", JSONValue(picture.key)), ("class", JSONValue(picture.error.reason.rawValue)),
                ("message", JSONValue(picture.error.message)),
            ])
        }
        let channels = summary.channelCounts.sorted { $0.key < $1.key }
        return .object([
            ("source", JSONValue(source)), ("part", JSONValue(part.rawValue)), ("count", JSONValue(summary.count)),
            ("classes", JSONValue(classes)), ("unlabelled", JSONValue(summary.unlabelled)),
            ("unreadable", JSONValue(unreadable)), ("heights", bounds(summary.heights)),
            ("widths", bounds(summary.widths)),
            ("channels", .object(channels.map { (String($0.key), JSONValue($0.value)) })),
            ("mean", list(summary.normalization?.mean)), ("std", list(summary.normalization?.deviation)),
            ("ranges", summary.bands.map { JSONValue($0.map(Spoken.json)) } ?? .null),
            ("not_finite", found(summary.notFinite)), ("constant_bands", found(summary.constantBands)),
            ("transparent", found(summary.transparent)), ("animated", found(summary.animated)),
            ("skipped", skipped(opened.ledger)),
            ("notes", JSONValue((opened.ledger.notes + notes).map { JSONValue($0) })),
            ("fingerprint", JSONValue(opened.fingerprint)),
        ])
    }

    private func found(_ findings: SourceSummary.Findings) -> JSONValue {
        .object([
            ("pictures", JSONValue(findings.pictures)), ("count", JSONValue(findings.count)),
            ("examples", JSONValue(findings.examples.map { JSONValue($0) })),
        ])
    }

    private func skipped(_ ledger: SourceLedger) -> JSONValue {
        JSONValue(
            ledger.entries.map { entry in
                .object([
                    ("reason", JSONValue(entry.reason.rawValue)), ("count", JSONValue(entry.count)),
                    ("read", JSONValue(entry.reason.isRead)),
                    ("examples", JSONValue(entry.examples.map { JSONValue($0) })),
                ])
            })
    }

    private func name(_ label: Int, _ opened: any ImageSource) -> String {
        guard let names = opened.labelNames, names.indices.contains(label) else { return String(label) }
        return names[label]
    }

    private func text(
        _ part: DatasetPart, _ opened: any ImageSource, _ summary: SourceSummary, _ notes: [String]
    ) -> String {
        var lines = ["\(part.rawValue): \(summary.count) pictures"]
        if let heights = summary.heights, let widths = summary.widths {
            let kinds = summary.channelCounts.sorted { $0.key < $1.key }.map { "\($0.value) of \($0.key)" }
            lines.append(
                "  height \(spoken(heights)), width \(spoken(widths)) pixels; channels: \(kinds.joined(separator: ", "))"
            )
        }
        if let constants = summary.normalization {
            lines.append("  mean \(spoken(constants.mean)), std \(spoken(constants.deviation))")
        }
        if let bands = summary.bands {
            lines.append("  stored numbers: \(bands.map { Spoken.range($0.range) }.joined(separator: ", "))")
        }
        for (label, count) in summary.labelCounts.enumerated() where count > 0 || opened.labelNames != nil {
            lines.append("  class \(label) \(name(label, opened)): \(count)")
        }
        if summary.unlabelled > 0 { lines.append("  without a label: \(summary.unlabelled)") }
        lines.append("  unreadable: \(summary.unreadable.count)")
        lines += summary.unreadable.prefix(20).map {
            "    \($0.key): \($0.error.message) (\($0.error.reason.rawValue))"
        }
        if summary.unreadable.count > 20 {
            lines.append("    … and \(summary.unreadable.count - 20) more; --json lists all")
        }
        lines += (opened.ledger.sentences + notes).map { "  note: \($0)" }
        return lines.joined(separator: "\n")
    }

    private func spoken(_ range: ClosedRange<Int>) -> String {
        range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
    }

    private func spoken(_ values: [Double]) -> String {
        values.map { Spoken.number($0) }.joined(separator: " ")
    }
}
#endif
