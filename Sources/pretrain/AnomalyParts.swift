#if Commands
import Evaluation
import ImageData
import Pretraining
import RecipeSchema

/// Normal pictures and those to be judged, and which of these are known to be normal.
struct AnomalyParts {
    /// Normal pictures: all of their source, or those of the normal class where it has one.
    let normal: any ImageSource
    /// Pictures to be judged.
    let test: any ImageSource
    /// The label of normal test pictures; nil where nobody knows.
    let normalLabel: Int?
    /// The name of the normal class; nil where there is none.
    let normalName: String?
    /// What was decided, for the log.
    let notes: [String]
    /// Both sources as a recipe writes them.
    let described: (normal: JSONValue, test: JSONValue)
    /// Files and folders that are read.
    var pathsRead: [String] { described.normal.pathsRead + described.test.pathsRead }

    /// Names of a normal class.
    private static let usualNames = ["good", "normal"]

    init(_ subject: EvaluatedEncoder, normal: String, test: String, normalClass: String?) throws {
        func options(_ text: String) throws -> DataOptions {
            var data = subject.recipe.data.forEvaluation
            data.source = try SourceArgument.parse(text, keeping: data.source)
            return data
        }
        let (ofNormal, ofTest) = (try options(normal), try options(test))
        described = (Self.section(ofNormal), Self.section(ofTest))
        let all = try DataAccess.source(ofNormal, .train)
        let (judged, part) = try DataAccess.pictures(ofTest)
        self.test = judged
        var notes = ["test pictures: \(judged.count) of the \(part.rawValue) part of \(test.shown(limit: 80))"]

        let names = judged.labelNames ?? []
        let isLabelled = !names.isEmpty && (0..<judged.count).allSatisfy { judged.label($0) != nil }
        let found = names.indices.filter { name in
            normalClass.map { $0 == names[name] } ?? Self.usualNames.contains(names[name].lowercased())
        }
        let list =
            names.prefix(10).map { $0.shown(limit: 40) }.joined(separator: ", ") + (names.count > 10 ? ", …" : "")
        if let normalClass, found.isEmpty {
            throw RunError(
                .usage,
                isLabelled
                    ? "--normal-class \(normalClass.shown(limit: 60)): the test pictures have no such class; theirs are \(list)"
                    : "--normal-class \(normalClass.shown(limit: 60)): the test pictures have no classes; name a folder of class folders "
                        + "with --test class_folders:PATH")
        }
        normalLabel = isLabelled ? found.first : nil
        normalName = normalLabel.map { names[$0] }
        if let normalLabel {
            let count = (0..<judged.count).count { judged.label($0) == normalLabel }
            notes.append(
                "the class \(names[normalLabel].shown(limit: 60)) is normal: \(count) test pictures; the other \(judged.count - count) "
                    + "are anomalous")
        } else if isLabelled, names.count > 1 {
            notes.append(
                "no class of the test pictures is named good or normal (\(list)); name it with --normal-class to have the scores judged"
            )
        }

        // Of a source with classes, normal pictures are those of the normal class.
        guard let name = normalClass ?? normalName, let own = all.labelNames?.firstIndex(of: name) else {
            self.normal = all
            self.notes = notes + ["normal pictures: \(all.count), all of \(normal.shown(limit: 80))"]
            return
        }
        let chosen = (0..<all.count).filter { all.label($0) == own }
        self.normal = PartOfSource(all, chosen)
        self.notes =
            notes + [
                "normal pictures: \(chosen.count) of the class \(name.shown(limit: 60)) of \(normal.shown(limit: 80))"
            ]
    }

    private static func section(_ data: DataOptions) -> JSONValue { data.encoded["source"] ?? .null }
}
#endif
