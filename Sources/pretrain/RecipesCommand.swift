#if Commands
import ArgumentParser
import Foundation
import Pretraining
import RecipeSchema
import VisionTransformers

/// `pretrain recipes`: the recipes that are shipped, and checks of one's own.
struct RecipesCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recipes", abstract: "List, show and check recipes.",
        discussion: "Example: pretrain recipes check mine.json",
        subcommands: [List.self, Show.self, Check.self, Schema.self])

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The recipes that are shipped.")

        func run() throws {
            for (name, path) in RecipeLibrary.shipped() {
                let recipe = try RecipeLibrary.read(path)
                let strategy = type(of: recipe.mask).name
                let method = type(of: recipe.method).name
                try Console.show(
                    "\(name): method \(method), mask \(strategy), width \(recipe.model.width), depth \(recipe.model.depth), "
                        + "\(recipe.train.epochs) epochs")
            }
        }
    }

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "A recipe with every value written out.")

        @Argument(help: "The recipe.")
        var recipe: String

        @Option(name: .customLong("set"), help: "Change a value: KEY=VALUE.")
        var changes: [String] = []

        func run() throws {
            var recipe = try RecipeLibrary.read(RecipeLibrary.find(recipe), set: changes)
            Console.say(recipe.rateWords)
            recipe.train = recipe.train.resolved
            try Console.show(recipe.encoded.text(pretty: true))
        }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Report every fault of recipes.", discussion: "Example: pretrain recipes check mine.json")

        @Argument(help: "The recipes.")
        var recipes: [String]

        @Option(name: .customLong("set"), help: "Change a value: KEY=VALUE.")
        var changes: [String] = []

        func run() throws {
            var (found, faults): ([String], [String]) = ([], [])
            for recipe in recipes {
                do {
                    let read = try RecipeLibrary.read(RecipeLibrary.find(recipe), set: changes)
                    found.append("\(recipe): no fault; \(read.rateWords)")
                    found += read.idleNotes.map { "\(recipe): note: \($0)" }
                } catch {
                    faults.append(error.description)
                }
            }
            for line in found { try Console.show(line) }
            if !faults.isEmpty { throw RunError(.usage, faults.joined(separator: "\n")) }
        }
    }

    struct Schema: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The JSON Schema of recipes, for editors, or the reference of their keys.",
            discussion: """
                Example: pretrain recipes schema > palimpsest.schema.json
                Example: pretrain recipes schema --format markdown > reference.md
                """)

        enum Format: String, CaseIterable, ExpressibleByArgument {
            case json
            case markdown
        }

        @Option(help: "json or markdown.")
        var format = Format.json

        func run() throws {
            switch format {
            case .json: try Console.show(Recipe.schemaDocument.text(pretty: true))
            case .markdown: try Console.write(Reference.markdown)
            }
        }
    }
}
#endif
