import Checkpoints
import Foundation
import RecipeSchema

/// Where recipes are looked for: the path given, `./recipes`, and the recipes shipped with the program.
public enum RecipeLibrary {
    /// Bytes of the largest recipe that is read: a thousand times the largest that is shipped.
    private static let mostBytes = 4 << 20

    /// The folders that hold what is shipped, `recipes` or `datasets`: that of the working directory, then the one found
    /// from the executable's place upwards.
    public static func folders(_ name: String) -> [String] {
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

    /// The file of a recipe name, with or without `.json`; throws where there is none, or where the name is that of a run.
    public static func find(_ name: String) throws(RunError) -> String {
        if let path = existing(name) { return path }
        if RunFolder(name).exists {
            throw RunError(
                .usage,
                "\(name) is a run, not a recipe: go on with it by `pretrain resume \(name)`, or train anew by its recipe, "
                    + "\(name)/recipe.json")
        }
        let guess = nearest(to: name, among: shipped().map(\.name)).map { "; did you mean \($0)?" } ?? ""
        throw RunError(
            .usage,
            "no recipe \(name.shown), looked for \(candidates(name).map(\.shown).joined(separator: ", ")); "
                + "`pretrain recipes list` names those that are shipped\(guess)")
    }

    /// The file of a recipe name; nil where there is none.
    static func existing(_ name: String) -> String? { candidates(name).first { exists($0) && !isFolder($0) } }

    private static func candidates(_ name: String) -> [String] {
        let places = [name] + folders("recipes").map { "\($0)/\(name)" }
        return places.flatMap { $0.hasSuffix(".json") ? [$0] : [$0, $0 + ".json"] }
    }

    private static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    /// The recipes shipped, by their path below the folder.
    public static func shipped() -> [(name: String, path: String)] {
        folders("recipes").last.map { recipes(in: $0) } ?? []
    }

    /// The recipes in and below a folder, by their path below it.
    package static func recipes(in folder: String) -> [(name: String, path: String)] {
        // Where an installation is made of links, the folder is one, and a walk would end at it.
        let place = URL(fileURLWithPath: folder).resolvingSymlinksInPath().path
        guard let walk = FileManager.default.enumerator(atPath: place) else { return [] }
        return walk.compactMap { $0 as? String }.filter { $0.hasSuffix(".json") }.sorted()
            .map { ($0, "\(folder)/\($0)") }
    }

    /// The recipe of a file with changes; every fault at once, with the file's name.
    public static func read(_ path: String, set assignments: [String] = []) throws(RunError) -> Recipe {
        do {
            return try Recipe.parse(try bytes(path), set: assignments)
        } catch let error as RunError {
            throw error
        } catch let problems as Problems {
            throw RunError(.usage, problems.list.map { "\(path.shown): \($0)" }.joined(separator: "\n"))
        } catch {
            throw RunError(.usage, "\(path.shown): \(error)")
        }
    }

    /// True for a file that says of itself that it is a recipe.
    static func isRecipe(_ path: String) -> Bool {
        guard let bytes = try? bytes(path), let json = try? JSONParser.parse(bytes) else { return false }
        return json["palimpsest"] != nil
    }

    static func bytes(_ path: String) throws(RunError) -> [UInt8] {
        // A pipe might never end, and a device has no end.
        guard isFile(path) else {
            throw RunError(.usage, "\(path.shown) is no regular file; give a recipe, a JSON file")
        }
        var status = stat()
        if stat(path, &status) == 0, status.st_size > mostBytes {
            throw RunError(
                .usage, "\(path.shown) has \(status.st_size) bytes, too many for a recipe; allowed are \(mostBytes)")
        }
        guard let data = FileManager.default.contents(atPath: path) else {
            throw RunError(.inputOutput, "\(path.shown) cannot be read")
        }
        return Array(data)
    }
}

extension RunFolder {
    /// Why there is no run at the path, in a sentence that says what is there instead and what to do.
    public var absence: RunError {
        if let recipe = RecipeLibrary.existing(path), RecipeLibrary.isRecipe(recipe) {
            let name = (try? RecipeLibrary.read(recipe))?.name ?? "NAME"
            return RunError(
                .usage,
                "\(path.shown) is a recipe, not a run: train by it first with `pretrain --recipe \(path.shown)`, which makes "
                    + "the run runs/\(name)")
        }
        if isFile(path) {
            return RunError(.missing, "\(path.shown) is not a run: it is a file; give the folder of a run")
        }
        if isFolder(previous.path) {
            return RunError(
                .missing,
                "\(path.shown) has no recipe.json: its files are set aside in previous-run by a start that was interrupted; "
                    + "pretrain resume \(path.shown) puts them back")
        }
        let isThere = FileManager.default.fileExists(atPath: path)
        return RunError(
            .missing, "\(path.shown) is not a run: \(isThere ? "it has no recipe.json" : "there is no such folder")")
    }
}
