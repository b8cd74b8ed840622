import Foundation
import ImageMasking
import Pretraining
import PretrainingMethods
import RecipeSchema
import TestSupport
import Testing

struct ReferenceTests {
    @Test func theShippedReferenceIsThatOfTheTables() throws {
        let file = SharedFiles.packageRoot.appendingPathComponent("docs/reference.md")
        let shipped = try String(contentsOf: file, encoding: .utf8)
        #expect(
            shipped == Reference.markdown,
            "write it anew: pretrain recipes schema --format markdown > docs/reference.md")
    }

    /// A row a method, a column a strategy, and in each cell what a recipe of both would be told.
    @Test func theTableOfPairsSaysWhatRecipesSay() throws {
        let lines = Reference.markdown.split(separator: "\n").map { line in
            line.split(separator: "|").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " `")) }
        }
        let head = try #require(lines.first { $0.first == "method" && $0.count == maskingStrategies.count + 1 })
        #expect(Array(head.dropFirst()) == maskingStrategies.names)
        for method in pretrainingMethods {
            let row = try #require(lines.first { $0.count == head.count && $0.first == method.name })
            for (strategy, cell) in zip(maskingStrategies, row.dropFirst()) {
                let teacher = strategy.needsImportance && cell == "with a teacher" ? #","teacher":{"path":"t"}"# : ""
                let text = """
                    {"palimpsest": 1, "name": "pair", "method": {"name": "\(method.name)"},
                     "mask": {"strategy": "\(strategy.name)"\(teacher)}}
                    """
                var refused = false
                do { _ = try Recipe.parse(Array(text.utf8)) } catch let problems as Problems {
                    refused = problems.list.contains { $0.path == "$.mask.strategy" }
                }
                #expect(
                    refused == ["–", "by its options"].contains(cell), "\(method.name), \(strategy.name): \(cell)")
            }
        }
    }
}
