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
            try Console.show(
                try RecipeLibrary.read(RecipeLibrary.find(recipe), set: changes).encoded.text(pretty: true))
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
            var faults: [String] = []
            for recipe in recipes {
                do {
                    _ = try RecipeLibrary.read(RecipeLibrary.find(recipe), set: changes)
                } catch let error as RunError {
                    faults.append(error.description)
                    continue
                }
                try Console.show("\(recipe): no fault")
            }
            if !faults.isEmpty { throw RunError(.usage, faults.joined(separator: "\n")) }
        }
    }

    struct Schema: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The JSON Schema of recipes, for editors.",
            discussion: "Example: pretrain recipes schema > palimpsest.schema.json")

        func run() throws {
            var members = (Recipe.schema.members ?? []).map { ($0.name, $0.value) }
            members.insert(("$schema", JSONValue("https://json-schema.org/draft/2020-12/schema")), at: 0)
            members.append(("required", JSONValue([JSONValue("palimpsest"), JSONValue("name")])))
            let string = JSONValue.object([("type", JSONValue("string"))])
            members = members.map { name, value in
                guard name == "properties" else { return (name, value) }
                let properties = (value.members ?? []).map { ($0.name, $0.value) }
                return (name, .object([("$schema", string)] + properties))
            }
            try Console.show(JSONValue.object(members).text(pretty: true))
        }
    }
}
