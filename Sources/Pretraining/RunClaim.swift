import Checkpoints
import Foundation

/// A run folder while a process trains in it: locked, and given back as it was found if the start fails.
///
/// A run that is replaced is set aside, whole and usable, in `previous-run`, and removed at the first checkpoint of the new one
/// (`RunFolder.finishReplacing` says how what is interrupted is told).
final class RunClaim {
    let folder: RunFolder
    private let lock: RunLock
    /// The outermost folder that was made for the run, if any.
    private let made: String?
    private var isSettled = false

    /// Locks the folder of a run that exists.
    init(existing folder: RunFolder) throws(RunError) {
        guard folder.isOurs else {
            throw RunError(
                .usage,
                "\(folder.path) has a recipe.json and is no run (no \(runMarkerName), no checkpoint), so nothing is written "
                    + "there; train by the recipe with: pretrain --recipe \(folder.recipeFile)")
        }
        self.folder = folder
        made = nil
        lock = try Self.locked(folder)
        folder.finishReplacing()
        isSettled = !folder.checkpoints.steps().isEmpty
        removePartials()
        if !isFile(folder.markerFile) { try folder.writeMarker() }
    }

    /// Makes and locks the folder of a new run; one that is there already is set aside.
    init(new folder: RunFolder, overwriting: Bool) throws(RunError) {
        self.folder = folder
        try folder.requireFree(overwriting: overwriting)
        made = try Self.make(folder.path)
        do {
            lock = try Self.locked(folder)
        } catch {
            if let made { Self.removeEmpty(folder.path, upTo: made) }
            throw error
        }
        removePartials()
        do {
            try setAside()
            try folder.writeMarker()
        } catch {
            giveBack()
            throw error
        }
    }

    /// True while the folder is the one that was locked: a folder that was moved or removed is not written to.
    var isInPlace: Bool { lock.isAt(folder.path + "/" + RunFolder.lockName) }

    /// At the first checkpoint: what this run replaces is removed.
    func settle() {
        guard !isSettled else { return }
        isSettled = true
        folder.previous.remove()
    }

    /// After a start that failed: nothing of the new run stays, and the old one is where it was.
    func giveBack() {
        guard !isSettled, isInPlace else { return }
        folder.removeOwnFiles()
        folder.restorePrevious()
        unlink(folder.path + "/" + RunFolder.lockName)
        if let made { Self.removeEmpty(folder.path, upTo: made) }
    }

    /// True where another run is set aside until the first checkpoint.
    var hasPrevious: Bool { isFile(folder.previous.markerFile) }

    private static func locked(_ folder: RunFolder) throws(RunError) -> RunLock {
        if let lock = try RunLock(folder: folder.path) { return lock }
        throw RunError(
            .inUse,
            "\(folder.path) is in use by another process (\(folder.path)/lock has its number); wait for it or stop it")
    }

    private func setAside() throws(RunError) {
        folder.finishReplacing()
        guard !isFolder(folder.previous.path) else {
            // The last start never came to a checkpoint: what it was to replace stays aside.
            folder.removeOwnFiles()
            return
        }
        guard try folder.content() == .run else { return }
        // A run of a version without markers gets one, so that it can be told when it comes last.
        if !isFile(folder.markerFile) { try folder.writeMarker() }
        try folder.move(to: folder.previous)
    }

    /// What processes that died left half written; nobody else writes while the lock is held.
    private func removePartials() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        where RunFolder.isPartial(name) && isFile("\(folder.path)/\(name)") {
            unlink("\(folder.path)/\(name)")
        }
        folder.checkpoints.removePartials()
    }

    /// Makes a folder and those above it; returns the outermost that was missing.
    private static func make(_ path: String) throws(RunError) -> String? {
        var missing: String?
        var place = path
        while !isFolder(place) {
            missing = place
            let parent = split(place).folder
            if parent == place || parent == "." { break }
            place = parent
        }
        try orRunError { () throws(CheckpointError) in try createFolder(path) }
        return missing
    }

    private static func removeEmpty(_ path: String, upTo outermost: String) {
        var place = path
        while rmdir(place) == 0, place != outermost { place = split(place).folder }
    }
}
