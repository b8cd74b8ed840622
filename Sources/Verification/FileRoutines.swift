import Checkpoints
import Foundation
import RecipeSchema

/// Files to accept or refuse.
let fileRoutines: [GoldenRoutine] = [
    GoldenRoutine(["interop", "safetensors-files"], "safetensors-files", safetensorsFiles)
]

private func safetensorsFiles(_ golden: GoldenCase) throws -> GoldenOutcome {
    var outcome = GoldenOutcome()
    for entry in try golden.value("files").array ?? [] {
        guard let file = entry["file"]?.string, let accepts = entry["we_accept"]?.bool else {
            throw GoldenError("a file without name or verdict")
        }
        let path = golden.folder + "/" + file
        guard FileManager.default.fileExists(atPath: path) else {
            outcome.check("\(file) is there", false)
            continue
        }
        let accepted = (try? Safetensors.read(path)) != nil
        outcome.check("\(file) is \(accepts ? "accepted" : "refused")", accepted == accepts)
    }
    return outcome
}
