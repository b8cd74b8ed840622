import ContentDigests
import Foundation
public import ProcessGroups

/// What processes that work together must have alike.
public struct ProcessTraits: Codable, Sendable {
    /// A digest of the program.
    private var program = Self.programDigest
    /// The recipe, with all that was asked for besides.
    private let recipe: String
    /// The weights that they begin with; empty where the recipe says all.
    private let weights: String
    /// What tells the pictures from others.
    private let pictures: String
    /// The level of the kernels.
    private let kernels: String

    /// What a process has.
    public init(recipe: String, weights: String = "", pictures: String, kernels: String) {
        self.recipe = recipe
        self.weights = weights
        self.pictures = pictures
        self.kernels = kernels
    }

    /// Ends all processes of a group where one of them would not compute the same as the first.
    public func requireEqual(in group: ProcessGroup) throws(RunError) {
        guard group.count > 1 else { return }
        let all = group.gather(self)
        let first = all[0]
        for (rank, traits) in all.enumerated() {
            let different = [
                (first.program, traits.program, "is another program; start the same file on all machines"),
                (
                    first.recipe, traits.recipe,
                    "has another recipe; see that the recipe file and all options are the same on all machines"
                ),
                (
                    first.weights, traits.weights,
                    "has another encoder; see that its file is the same on all machines"
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

    /// SHA-256 of the file that this process runs.
    private static var programDigest: String {
        (try? Data(contentsOf: URL(fileURLWithPath: "/proc/self/exe"))).map { SHA256.hexadecimal(of: Array($0)) }
            ?? palimpsestVersion
    }
}
