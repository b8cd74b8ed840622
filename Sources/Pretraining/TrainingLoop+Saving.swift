import Autodiff
import Checkpoints
import EncoderFiles
import ImageData
import PretrainingMethods
import ProcessGroups
import TrainingStep

/// Checkpoints, the encoder that belongs to each, and pictures of what it makes.
extension TrainingLoop {
    var isCheckpointDue: Bool {
        let log = job.recipe.log
        return state.step % (stepsPerEpoch * log.checkpointEveryEpochs) == 0
            || log.checkpointEverySteps.map { state.step % $0 == 0 } ?? false
    }

    /// Writes a checkpoint and the encoder that belongs to it. Both are on the disk before either is put in place, so that a
    /// full disk leaves the ones before; the checkpoint names the encoder, so that one that a kill kept away is written again.
    mutating func save() throws {
        guard lastCheckpoint != state.step else { return }
        if let name = trainer.firstThatIsNotFinite {
            group.endTogether()
            throw diverged("\(name) is not finite after step \(state.step)", in: state.step)
        }
        let moments = trainer.steps.wholeState()
        try group.together { if group.isFirst { try write(moments) } }
        lastCheckpoint = state.step
    }

    private mutating func write(_ moments: [(name: String, values: Tensor)]) throws(RunError) {
        if isDigestStale {
            state.data = source.contentDigest(excluding: Set(state.unreadable.keys))
            isDigestStale = false
        }
        try requireInPlace()
        let warnings: [String]
        do throws(CheckpointError) {
            let encoder = try preparedEncoder()
            state.encoder = encoder.summary.sha256
            try prober?.save(in: job.folder, step: state.step)
            warnings = try job.folder.checkpoints.write(
                trainer.checkpoint(state, moments, job.recipe), keep: job.recipe.log.keep)
            try encoder.commit()
        } catch {
            throw RunError(error)
        }
        for warning in warnings where toldWarnings.insert(warning).inserted { log.warning(warning) }
        prober?.removeOld(in: job.folder)
        open?.claim.settle()
        lastCheckpoint = state.step
        try showPictures()
    }

    /// What the method makes of a few pictures now, for TensorBoard.
    private mutating func showPictures() throws(RunError) {
        guard events != nil, let images = health?.images(4) else { return }
        let shown: [ShownImages]
        do {
            shown = try job.recipe.shown(images, by: trainer.method, trainer.masks, engine: job.engine)
        } catch {
            log.warning("TensorBoard gets no pictures of step \(state.step): \(error)")
            return
        }
        try events?.add(shown, of: images, step: state.step)
    }

    func preparedEncoder() throws(CheckpointError) -> PreparedFile {
        let file = job.recipe.file(
            of: trainer.method.encoder, trainer.method.encoderParameters, licence: state.licence)
        return try AtomicFile.prepare(job.folder.encoderFile) { (writer: inout FileWriter) throws(CheckpointError) in
            try Safetensors.write(file, into: &writer)
        }
    }

    /// A folder that was moved or removed is not made anew behind its owner's back.
    func requireInPlace() throws(RunError) {
        guard let open, !open.claim.isInPlace else { return }
        throw RunError(
            .inputOutput,
            "\(job.folder.path) was moved or removed while the run trained in it, so nothing more is written after step "
                + "\(lastCheckpoint ?? 0), its last checkpoint; go on with pretrain resume and the folder's new place")
    }
}
