import Autodiff
import ContentDigests
import Foundation
import ImageData
import PretrainingMethods
import ProcessGroups
import RecipeSchema
import TrainingStep

/// What one process asks of all after a step.
struct Wish: Codable {
    /// The signal that asks it to stop.
    var signal: Int32?
    /// Whether it cannot go on.
    var ends: Bool
}

extension TrainingJob {
    /// What all processes must have alike, by name.
    private struct Traits: Codable {
        var program: String
        var recipe: String
        var pictures: String
        var kernels: String
    }

    /// Why so many processes cannot share the micro-batches of a step; nil where they can.
    package static func refusal(processes count: Int, accumulate: Int) -> String? {
        guard accumulate % count != 0 else { return nil }
        let fitting = (1...accumulate).filter { accumulate % $0 == 0 }
        let numbers = [fitting.last { $0 < count }, fitting.first { $0 > count }].compactMap { $0.map(String.init) }
        let below = accumulate / count * count
        return
            "\(count) processes cannot share the micro-batches of a step evenly, train.accumulate is \(accumulate); start "
            + "\(numbers.joined(separator: " or ")) of them, or set train.accumulate to "
            + (below > 0 ? "\(below) or \(below + count)" : "\(count)")
    }

    /// Refuses processes that would not compute the same: other programs, recipes, pictures or instructions.
    func requireEqualProcesses(_ source: any ImageSource) throws {
        guard group.count > 1 else { return }
        let all = group.gather(
            Traits(
                program: Self.programDigest, recipe: recipe.encoded.text(), pictures: source.fingerprint,
                kernels: engine.level.rawValue))
        let first = all[0]
        for (rank, traits) in all.enumerated() {
            let different = [
                (first.program, traits.program, "is another program; start the same file on all machines"),
                (
                    first.recipe, traits.recipe,
                    "has another recipe; see that the recipe file and all options are the same on all machines"
                ),
                (
                    first.pictures, traits.pictures,
                    "has other pictures; see that the data are the same on all machines"
                ),
                (
                    first.kernels, traits.kernels,
                    "computes with \(traits.kernels) kernels and process 0 with \(first.kernels), which round differently; set "
                        + "PALIMPSEST_ISA to the lower of the two for all"
                ),
            ].first { $0.0 != $0.1 }
            guard let different else { continue }
            group.endTogether()
            throw RunError(.usage, "process \(rank) \(different.2)")
        }
    }

    /// Ends all processes where parameters or state of one are not those of the first, and names the tensor.
    func requireEqual(_ method: some PretrainingMethod, after step: Int) throws {
        func digest(_ tensor: Tensor) -> String {
            tensor.withUnsafeBuffer { SHA256.hexadecimal(of: Array(UnsafeRawBufferPointer($0))) }
        }
        let held =
            method.parameters.ids.map { [method.parameters.entry($0).name, digest(method.parameters[$0])] }
            + method.state.sorted { $0.key < $1.key }.map { [$0.key, digest($0.value)] }
        guard let other = Self.firstDifference(group.gather(held)) else { return }
        group.endTogether()
        throw RunError(
            .ours,
            "after step \(step) \(other.tensor) of process \(other.rank) is not that of process 0, though both have computed the same; "
                + "this is a fault of ours or of a machine: run the step again on one of them, and on the other")
    }

    /// The first process whose tensors, name and digest each, are not those of the first, and the first such tensor.
    package static func firstDifference(_ held: [[[String]]]) -> (rank: Int, tensor: String)? {
        for (rank, tensors) in held.enumerated() {
            if let place = tensors.indices.first(where: { tensors[$0] != held[0][$0] }) {
                return (rank, tensors[place][0])
            }
        }
        return nil
    }

    /// SHA-256 of the file that this process runs.
    private static var programDigest: String {
        (try? Data(contentsOf: URL(fileURLWithPath: "/proc/self/exe"))).map { SHA256.hexadecimal(of: Array($0)) }
            ?? palimpsestVersion
    }
}
