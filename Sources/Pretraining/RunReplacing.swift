import Checkpoints
import Foundation

/// Moving a run aside and back.
///
/// Only files that a run makes are ever moved or removed. The marker goes last, so that whatever is interrupted can be told:
/// - `previous-run` without a marker: setting aside was interrupted, and is taken back;
/// - `previous-run` with a marker and a run without one: setting aside or giving back was interrupted; the old run is given back;
/// - the same with a marker in both, but neither recipe nor checkpoint in the run: the new one never began; so too;
/// - both whole, the new run with a checkpoint: what it replaced was to be removed, and is;
/// - both whole, the new run without a checkpoint: both stay.
extension RunFolder {
    /// Finishes or takes back what a killed process began when it was to replace the run here. A command that reads the
    /// recipe of a run to go on with it calls this first; nothing happens where another process trains in the folder.
    public func recoverInterrupted() throws(RunError) {
        guard isFolder(previous.path), let lock = try RunLock(folder: path) else { return }
        withExtendedLifetime(lock) { finishReplacing() }
    }

    /// The same for whoever holds the lock.
    func finishReplacing() {
        guard isFolder(previous.path) else { return }
        let hasCheckpoint = !checkpoints.steps().isEmpty
        if !isFile(previous.markerFile) || !isFile(markerFile) {
            restorePrevious()
        } else if hasCheckpoint {
            previous.remove()
        } else if !isFile(recipeFile) {
            removeOwnFiles()
            restorePrevious()
        }
    }

    /// The old run in its place again.
    func restorePrevious() {
        guard isFolder(previous.path) else { return }
        try? previous.move(to: self)
        rmdir(previous.path)
    }

    /// Moves the files of the run, the marker last.
    func move(to other: RunFolder) throws(RunError) {
        for name in ownFiles {
            let (old, new) = ("\(path)/\(name)", "\(other.path)/\(name)")
            try orRunError { () throws(CheckpointError) in try createFolder(split(new).folder) }
            guard rename(old, new) == 0 else {
                throw RunError(.cannotCreate, "\(old) cannot be moved to \(new): \(systemReason())")
            }
        }
        removeEmptyFolders()
    }

    /// Removes the files of the run, and its folder if nothing else is in it.
    func remove() {
        removeOwnFiles()
        rmdir(path)
    }

    /// Removes the files of the run, the marker last.
    func removeOwnFiles() {
        for name in ownFiles { unlink("\(path)/\(name)") }
        removeEmptyFolders()
    }

    /// A folder that still holds something of somebody else stays.
    private func removeEmptyFolders() {
        for step in checkpoints.folders() { rmdir(checkpoints.folder(of: step)) }
        for name in ["checkpoints", "online", "features", "pictures", "explore", "anomalies", "projector"] {
            rmdir("\(path)/\(name)")
        }
    }
}
