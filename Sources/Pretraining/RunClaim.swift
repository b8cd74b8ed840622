import Checkpoints
import Foundation

/// A run folder while a process trains in it: locked, and given back as it was found if the start fails.
///
/// A run that is replaced is set aside, whole and usable, in `previous-run`, and removed at the first checkpoint of the new one.
/// Only files that a run makes are ever moved or removed; the marker goes last, so that whatever is interrupted can be told:
/// - `previous-run` without a marker: setting aside was interrupted, and is taken back;
/// - `previous-run` with a marker and a run without one: giving back was interrupted, and is finished;
/// - both with markers: the new run had no checkpoint yet, or its first one was just written.
final class RunClaim {
    let folder: RunFolder
    private let lock: RunLock
    /// The outermost folder that was made for the run, if any.
    private let made: String?
    private var isSettled = false

    /// Locks the folder of a run that exists.
    init(existing folder: RunFolder) throws(RunError) {
        self.folder = folder
        made = nil
        lock = try Self.locked(folder)
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
        remove(folder.previous)
    }

    /// After a start that failed: nothing of the new run stays, and the old one is where it was.
    func giveBack() {
        guard !isSettled, isInPlace else { return }
        removeFiles(folder)
        restorePrevious()
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
        let previous = folder.previous
        if isFolder(previous.path) {
            if !isFile(folder.markerFile) || !isFile(previous.markerFile) {
                restorePrevious()
            } else if folder.checkpoints.steps().isEmpty {
                // The last start never came to a checkpoint: what it was to replace stays aside.
                removeFiles(folder)
                return
            } else {
                remove(previous)
            }
        }
        guard try folder.content() == .run else { return }
        // A run of a version without markers gets one, so that it can be told when it comes last.
        if !isFile(folder.markerFile) { try folder.writeMarker() }
        try move(from: folder, to: previous)
    }

    private func restorePrevious() {
        guard isFolder(folder.previous.path) else { return }
        try? move(from: folder.previous, to: folder)
        rmdir(folder.previous.path)
    }

    private func move(from: RunFolder, to: RunFolder) throws(RunError) {
        for name in from.ownFiles {
            let (old, new) = ("\(from.path)/\(name)", "\(to.path)/\(name)")
            try orRunError { () throws(CheckpointError) in try createFolder(split(new).folder) }
            guard rename(old, new) == 0 else {
                throw RunError(.cannotCreate, "\(old) cannot be moved to \(new): \(systemReason())")
            }
        }
        removeEmptyFolders(of: from)
    }

    private func remove(_ run: RunFolder) {
        removeFiles(run)
        rmdir(run.path)
    }

    private func removeFiles(_ run: RunFolder) {
        for name in run.ownFiles { unlink("\(run.path)/\(name)") }
        removeEmptyFolders(of: run)
    }

    /// A folder that still holds something of somebody else stays.
    private func removeEmptyFolders(of run: RunFolder) {
        for step in run.checkpoints.steps() { rmdir(run.checkpoints.folder(of: step)) }
        for name in ["checkpoints", "pictures"] { rmdir("\(run.path)/\(name)") }
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
