import Evaluation
import ImageData
import ImageMasking
import Pretraining
import PretrainingMethods
import RecipeSchema
import TestSupport
import Testing

/// Values that nobody means, for every key of every section: each gives faults or a recipe, soon, and never a trap.
struct OptionSweepTests {
    static let values = [
        "0", "-1", "1", "2147483648", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "1e300",
        "-1e300",
        "1e-300", "1e999", "0.5", "\"NaN\"", "\"\"", "null", "true", "[]", "{}", "[0]", "[1, 1]",
        "[2147483648, 2147483648]",
        "[1e300, 1e300]", "[[]]", "[\"NaN\"]", "[null, null]", "[9223372036854775807, 9223372036854775807]",
    ]

    /// A small recipe with a part of a kind chosen; its other parts fit it where they can.
    static func text(strategy: String, method: String, source: String) -> String {
        """
        {"palimpsest": 1, "name": "sweep", "data": {"source": {"kind": "\(source)"}, "image_size": 32},
         "model": {"patch_size": 4, "width": 48, "depth": 1, "heads": 3},
         "mask": {"strategy": "\(strategy)"}, "method": {"name": "\(method)"}}
        """
    }

    /// The key paths of a recipe with these parts, from the field tables.
    static func keyPaths(strategy: String, method: String, source: String) -> [String] {
        let chosen = ["mask": strategy, "method": method, "data.source": source]
        return Recipe.descriptions.flatMap { $0.keyPaths(chosen: { chosen[$0] == $1 }) }
    }

    private func sweep(_ text: String, _ paths: [String]) {
        for path in paths {
            for value in Self.values {
                let seconds = processorSeconds {
                    do {
                        let recipe = try Recipe.parse(Array(text.utf8), set: ["\(path)=\(value)"])
                        // What was taken can be written and read again.
                        #expect(recipe.faults.isEmpty, "\(path)=\(value): \(recipe.faults)")
                    } catch let problems as Problems {
                        #expect(!problems.list.isEmpty && problems.list.allSatisfy { $0.description.utf8.count < 2000 })
                    } catch {
                        Issue.record("\(path)=\(value): \(error)")
                    }
                }
                #expect(seconds < 10, "\(path)=\(value) took \(seconds) s")
            }
        }
    }

    @Test(arguments: maskingStrategies.names)
    func noValueOfAStrategyTraps(name: String) throws {
        let type = try #require(maskingStrategies.named(name))
        let method = try #require(
            pretrainingMethods.first {
                $0.masks.contains(type.kind) && ($0.init().needs.providesImportance || !type.needsImportance)
            })
        let paths = Self.keyPaths(strategy: name, method: method.name, source: "procedural")
        sweep(
            Self.text(strategy: name, method: method.name, source: "procedural"), paths.filter { $0.hasPrefix("mask") })
    }

    @Test(arguments: pretrainingMethods.names)
    func noValueOfAMethodTraps(name: String) throws {
        let type = try #require(pretrainingMethods.named(name))
        let strategy = try #require(maskingStrategies.first { type.masks.contains($0.kind) }).name
        let paths = Self.keyPaths(strategy: strategy, method: name, source: "procedural")
        #expect(paths.contains { $0.hasPrefix("method.") } && paths.contains("train.epochs"))
        sweep(
            Self.text(strategy: strategy, method: name, source: "procedural"),
            paths.filter { !$0.hasPrefix("mask") && !$0.hasPrefix("data.source.") })
    }

    @Test(arguments: sourceKinds.names)
    func noValueOfASourceTraps(name: String) {
        let paths = Self.keyPaths(strategy: "random", method: "mae", source: name)
        sweep(Self.text(strategy: "random", method: "mae", source: name), paths.filter { $0.hasPrefix("data.source") })
    }

    @Test(arguments: probeProtocols.names)
    func noValueOfAProtocolTraps(name: String) throws {
        let type = try #require(probeProtocols.named(name))
        for row in type.descriptions {
            for value in Self.values {
                var problems: [Problem] = []
                _ = type.decode(try JSONParser.parse("{\"\(row.name)\": \(value)}"), at: "$", &problems)
            }
        }
    }

    /// Every number of every schema has two ends, and every list of numbers a length.
    @Test func everyNumberHasARangeAndEveryListALength() {
        var numbers = 0
        func look(_ schema: JSONValue, _ path: String) {
            if let values = schema.array { values.enumerated().forEach { look($1, "\(path)[\($0)]") } }
            guard let members = schema.members else { return }
            let type = schema["type"]?.string
            if type == "integer" || type == "number" {
                numbers += 1
                #expect(schema["minimum"] != nil || schema["exclusiveMinimum"] != nil, "\(path) has no lower end")
                #expect(schema["maximum"] != nil || schema["exclusiveMaximum"] != nil, "\(path) has no upper end")
            }
            if type == "array", ["integer", "number"].contains(schema["items"]?["type"]?.string) {
                #expect(schema["maxItems"] != nil, "\(path) has no length")
            }
            for member in members where !["default", "examples", "const", "enum"].contains(member.name) {
                look(member.value, "\(path).\(member.name)")
            }
        }
        look(Recipe.schemaDocument, "$")
        for probe in probeProtocols { look(probe.schema, probe.name) }
        look(DatasetCard.schema, "card")
        #expect(numbers > 100)
    }

    @Test(arguments: ["mask.targets=1000000007", "mask.contexts=1000000007", "mask.contexts=127", "mask.targets=256"])
    func countsOfBlocksAreAnsweredAtOnce(change: String) {
        let text = Self.text(strategy: "multiblock", method: "ijepa", source: "procedural")
        // Without a bound it took minutes.
        #expect(processorSeconds { _ = try? Recipe.parse(Array(text.utf8), set: [change]) } < 10)
    }

    @Test(arguments: [
        (["data.image_size=65500", "model.patch_size=1"], "patches, allowed are up to 1048576"),
        (
            ["data.image_size=16384", "model.patch_size=4096", "model.channels=64"],
            "numbers a picture, allowed are up to"
        ),
        (["model.width=65536", "model.depth=128", "model.heads=1"], "parameters, allowed are up to"),
        (["method.decoder_width=65536", "method.decoder_depth=128", "method.decoder_heads=1"], "lower decoder_width"),
        (["model.width=4096", "model.heads=1", "data.image_size=4096"], "numbers a picture, allowed are up to"),
    ])
    func productsAreRefusedWithTheirLimit(changes: [String], message: String) {
        let text = Self.text(strategy: "random", method: "mae", source: "procedural")
        #expect {
            try Recipe.parse(Array(text.utf8), set: changes)
        } throws: { "\($0)".contains(message) }
    }
}
