import ArgumentParser
import Foundation
import ImageData
import RecipeSchema

/// `pretrain data`: pictures and data sets as this program sees them.
struct DataCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "data", abstract: "Look at picture files and data sets as pretraining would read them.",
        subcommands: [DataInspectCommand.self, DataCheckCommand.self])
}

/// `pretrain data inspect`: decodes files.
struct DataInspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Decode picture files: size, channels, depth, mean, orientation, or what is wrong with them.",
        discussion: "Example: pretrain data inspect photos/*.jpg --json\nExit code 65 if a file cannot be read.")

    @Argument(help: "Picture files.", completion: .file())
    var files: [String]

    @Flag(help: "One JSON object a file on standard output.")
    var json = false

    func run() throws {
        var failed = false
        for path in files {
            do {
                let file = try ImageDecoder().decode(file: path)
                try Console.show(json ? row(path, file).text() : line(path, file))
            } catch let error as ImageError {
                failed = true
                try Console.show(
                    json
                        ? row(path, error).text() : "\(FileName(path)): \(error.message) (\(error.reason.rawValue))")
            }
        }
        if failed { throw ExitCode(65) }
    }

    private func row(_ path: String, _ file: DecodedFile) -> JSONValue {
        .object([
            ("path", JSONValue(path)), ("format", JSONValue(file.format.rawValue)),
            ("width", JSONValue(file.image.width)), ("height", JSONValue(file.image.height)),
            ("channels", JSONValue(file.image.channels)), ("bit_depth", JSONValue(file.bitDepth)),
            ("orientation", JSONValue(file.orientation.rawValue)),
            ("mean", JSONValue(file.image.channelMeans().map { JSONValue($0) })),
            ("warnings", JSONValue(file.warningCount)),
            ("first_warning", file.firstWarning.map { JSONValue($0) } ?? .null), ("error", .null),
        ])
    }

    private func row(_ path: String, _ error: ImageError) -> JSONValue {
        let unknown = ["format", "width", "height", "channels", "bit_depth", "orientation", "mean"]
        return .object(
            [("path", JSONValue(path))] + unknown.map { ($0, .null) }
                + [
                    (
                        "error",
                        .object([("class", JSONValue(error.reason.rawValue)), ("message", JSONValue(error.message))])
                    )
                ])
    }

    private func line(_ path: String, _ file: DecodedFile) -> String {
        let mean = file.image.channelMeans().map { String(format: "%.4f", $0) }.joined(separator: " ")
        let turned = file.orientation == .upright ? "" : ", EXIF orientation \(file.orientation.rawValue)"
        let warning = file.firstWarning.map { ", \(file.warningCount) warnings: \($0)" } ?? ""
        return "\(FileName(path)): \(file.format.rawValue), \(file.image.width) x \(file.image.height), "
            + "\(file.image.channels == 1 ? "gray" : "RGB"), \(file.bitDepth) bit, mean \(mean)\(turned)\(warning)"
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

    func run() throws {
        let cards = DataAccess.cards
        let options: any SourceOptions
        if cards.names.contains(source), !FileManager.default.fileExists(atPath: source) {
            var named = CardSourceOptions()
            named.card = source
            options = named
        } else {
            options = try SourceArgument.parse(source)
        }
        var parts: [(DatasetPart, any ImageSource)] = []
        var absent: [(DatasetPart, ImageError)] = []
        for part in DatasetPart.allCases {
            do throws(ImageError) {
                parts.append((part, try options.open(part, in: SourceContext(cards: cards))))
            } catch {
                absent.append((part, error))
            }
        }
        if parts.isEmpty, let (_, error) = absent.first { throw error }
        // A set may have one part only; any other fault of a part is what the user wants to know.
        var failed = absent.contains { $0.1.reason != .noPart }
        for (part, opened) in parts {
            let summary = SourceSummary(of: opened, threads: max(1, threads))
            failed = failed || !summary.unreadable.isEmpty
            let kinds = summary.channelCounts
            let range = kinds.count == 1 ? kinds.keys.first.flatMap { narrowRange(opened, channels: $0) } : nil
            try Console.show(json ? row(part, opened, summary, range).text() : text(part, opened, summary, range))
        }
        for (part, error) in absent {
            let text = error.reason == .noPart ? error.message : "\(error)"
            Console.say("no \(part.rawValue) part: \(text)")
        }
        if failed { throw ExitCode(65) }
    }

    private func narrowRange(_ source: any ImageSource, channels: Int) -> String? {
        SourceSample.narrowRange(of: source, channels: channels, threads: max(1, threads))
    }

    private func row(
        _ part: DatasetPart, _ opened: any ImageSource, _ summary: SourceSummary, _ range: String?
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
            ("skipped", skipped(opened.ledger)),
            ("notes", JSONValue((opened.ledger.notes + [range].compactMap { $0 }).map { JSONValue($0) })),
            ("fingerprint", JSONValue(opened.fingerprint)),
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
        _ part: DatasetPart, _ opened: any ImageSource, _ summary: SourceSummary, _ range: String?
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
        lines += (opened.ledger.sentences + [range].compactMap { $0 }).map { "  note: \($0)" }
        return lines.joined(separator: "\n")
    }

    private func spoken(_ range: ClosedRange<Int>) -> String {
        range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound) to \(range.upperBound)"
    }

    private func spoken(_ values: [Double]) -> String {
        values.map { String(format: "%.4f", $0) }.joined(separator: " ")
    }
}
