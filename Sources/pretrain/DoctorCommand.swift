#if Commands
import ArgumentParser
import Autodiff
import Foundation
import Pretraining
import RecipeSchema

/// `pretrain doctor`: what a bug report needs.
struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Processor, instruction set, memory, disk and versions, for bug reports.",
        discussion: "Example: pretrain doctor --json")

    @Flag(help: "One JSON object on standard output.")
    var json = false

    func run() throws {
        let facts = Self.facts()
        if json {
            try Console.show(JSONValue.object(facts).text())
        } else {
            for (name, value) in facts { try Console.show("\(name): \(value.string ?? value.text())") }
        }
    }

    private static func facts() -> [(String, JSONValue)] {
        let process = ProcessInfo.processInfo
        func line(_ path: String, _ prefix: String) -> String? {
            (try? String(contentsOfFile: path, encoding: .utf8))?.split(separator: "\n")
                .first { $0.hasPrefix(prefix) }
                .map { String($0.drop { $0 != ":" }.dropFirst()).trimmingCharacters(in: .whitespaces) }
        }
        // The system says kB and means KiB.
        let available = line("/proc/meminfo", "MemAvailable").flatMap { Int($0.prefix { $0.isNumber }) }
        let disk = try? FileManager.default.attributesOfFileSystem(forPath: ".")[.systemFreeSize] as? Int
        return [
            ("version", JSONValue(palimpsestVersion)),
            ("processor", JSONValue(line("/proc/cpuinfo", "model name") ?? "unknown")),
            ("cores", JSONValue(process.activeProcessorCount)),
            ("instruction_set", JSONValue(KernelLevel.best.rawValue)),
            ("memory", JSONValue("\(Machine.memory >> 20) MiB")),
            ("memory_available", JSONValue(available.map { "\($0 >> 10) MiB" } ?? "unknown")),
            ("disk_free", JSONValue("\((disk.flatMap { $0 } ?? 0) >> 20) MiB")),
            ("system", JSONValue(process.operatingSystemVersionString)),
            ("recipes", JSONValue(RecipeLibrary.folders("recipes").joined(separator: ", "))),
        ]
    }
}
#endif
