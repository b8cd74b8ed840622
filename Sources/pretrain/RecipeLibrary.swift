import Foundation
import Pretraining
import RecipeSchema

/// Where recipes are looked for: the path given, `./recipes`, and the recipes shipped with the program.
enum RecipeLibrary {
    /// The folders that hold what is shipped, `recipes` or `datasets`: that of the working directory, then the one found
    /// from the executable's place upwards.
    static func folders(_ name: String) -> [String] {
        let manager = FileManager.default
        var found = [name].filter { manager.fileExists(atPath: $0) }
        var place = URL(fileURLWithPath: Bundle.main.executablePath ?? CommandLine.arguments[0])
            .resolvingSymlinksInPath().deletingLastPathComponent()
        while place.path != "/" {
            for candidate in [place, place.appendingPathComponent("share/palimpsest")] {
                let folder = candidate.appendingPathComponent(name).path
                if manager.fileExists(atPath: folder + (name == "recipes" ? "/colormae.json" : "/builtin.json")) {
                    if !found.contains(folder) { found.append(folder) }
                    return found
                }
            }
            place.deleteLastPathComponent()
        }
        return found
    }

    /// The file of a recipe name, with or without `.json`.
    static func find(_ name: String) throws -> String {
        let places = [name] + folders("recipes").map { "\($0)/\(name)" }
        let tried = places.flatMap { $0.hasSuffix(".json") ? [$0] : [$0, $0 + ".json"] }
        for path in tried {
            var isFolder: ObjCBool = false
            if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue { return path }
        }
        let guess = nearest(to: name, among: shipped().map(\.name)).map { "; did you mean \($0)?" } ?? ""
        throw RunError(
            .usage,
            "no recipe \(name), looked for \(tried.joined(separator: ", ")); "
                + "`pretrain recipes list` names those that are shipped\(guess)")
    }

    /// The recipes shipped, by their path below the folder.
    static func shipped() -> [(name: String, path: String)] {
        guard let folder = folders("recipes").last, let walk = FileManager.default.enumerator(atPath: folder) else {
            return []
        }
        return walk.compactMap { $0 as? String }.filter { $0.hasSuffix(".json") }.sorted()
            .map { ($0, "\(folder)/\($0)") }
    }

    /// The recipe of a file with changes; every fault at once, with the file's name.
    static func read(_ path: String, set assignments: [String] = []) throws -> Recipe {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw RunError(.inputOutput, "\(path) cannot be read")
        }
        do {
            return try Recipe.parse(Array(data), set: assignments)
        } catch let problems as Problems {
            throw RunError(.usage, problems.list.map { "\(path): \($0)" }.joined(separator: "\n"))
        } catch let fault as JSONSyntaxError {
            throw RunError(.usage, "\(path): \(fault)")
        }
    }
}
