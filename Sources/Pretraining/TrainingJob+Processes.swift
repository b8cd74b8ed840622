import Autodiff
import ContentDigests
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
}
