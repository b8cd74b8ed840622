import RandomStreams

extension MultiBlockMasking {
    /// Sizes that never give a mask, found by going through all that can occur, and settings that hardly ever do, found by
    /// drawing masks for two thousand images.
    public func faults(on grid: PatchGrid) -> [String] {
        if let fault = check().first { return [fault] }
        // More sizes than could be gone through; the published grid of 14 x 14 cells has some thousand steps.
        if targetShapes(on: grid).tableSteps > 1_048_576 || contextShapes(on: grid).tableSteps > 1_048_576 {
            return ["a grid of \(grid) cells is too large for blocks of all these sizes; raise model.patch_size"]
        }
        switch geometry {
        case .reference:
            let targets = targetShapes(on: grid).referenceTable().map(\.size)
            let contexts = contextShapes(on: grid).referenceTable().map(\.size)
            return referenceFault(targets: targets, contexts: contexts).map { [$0] } ?? []
        case .unbiased:
            let targets = targetShapes(on: grid).unbiasedSizes()
            let contexts = contextShapes(on: grid).unbiasedSizes()
            let fault =
                unbiasedFault(targets: targets, contexts: contexts, on: grid) ?? pilotFault(share: pilotShare(on: grid))
            return fault.map { [$0] } ?? []
        }
    }

    /// Why the reference sampler would never return with blocks of these sizes.
    func referenceFault(targets: [BlockSize], contexts: [BlockSize]) -> String? {
        let blocks = targets.map { ("target", $0) } + contexts.map { ("context", $0) }
        guard let (name, size) = blocks.first(where: { $0.1.count <= minKeep }) else { return nil }
        return
            "a \(size) \(name) block never has more than min_keep \(minKeep) cells, so the reference geometry would draw for "
            + "ever; lower min_keep, raise \(name)_scale or set geometry to \"unbiased\""
    }

    /// Why no draw of the unbiased sampler can suit blocks of these sizes.
    func unbiasedFault(targets: [BlockSize], contexts: [BlockSize], on grid: PatchGrid) -> String? {
        if let context = contexts.first(where: { $0.count < minKeep }) {
            return
                "a \(context) context block has \(context.count) cells, fewer than min_keep \(minKeep); lower min_keep or "
                + "raise context_scale"
        }
        let sampler = UnbiasedBlocks(self, on: grid)
        for context in contexts {
            for target in targets {
                let left = sampler.bestCase(target: target, context: context)
                guard left < minKeep else { continue }
                return
                    "a \(context) context block and \(target) targets leave at most \(left) context cells, fewer than "
                    + "min_keep \(minKeep); lower min_keep or target_scale, or set allow_overlap"
            }
        }
        return nil
    }

    /// The share of images that need the last resort, over 125 batches of 16, or over those that are drawn before so many cells
    /// were looked at that it would take long.
    func pilotShare(on grid: PatchGrid) -> Double {
        let sampler = UnbiasedBlocks(self, on: grid)
        let (batches, images) = (125, 16)
        var (fallbacks, drawn) = (0, 0)
        var patience = 20_000_000
        for batch in 0..<batches where patience > 0 {
            var stream = RandomStream(seed: 0).child("pilot").child(batch)
            let (target, context) = sampler.sizes { Double(stream.uniform()) }
            // A place takes two numbers, and looking at its cells and at those around it.
            let cost = grid.count + max(target.count, context.count)
            for _ in 0..<images where patience > 0 {
                drawn += 1
                let blocks = sampler.draw(images: 1, target: target, context: context) {
                    patience -= cost
                    return Double(stream.uniform())
                }
                fallbacks += blocks.fallbackCount
            }
        }
        return Double(fallbacks) / Double(max(1, drawn))
    }

    /// Settings that more than one image in a hundred cannot be suited with.
    private func pilotFault(share: Double) -> String? {
        guard share > 0.01 else { return nil }
        let percent = (share * 1000).rounded() / 10
        return
            "\(percent) % of the images find no context of min_keep \(minKeep) cells beside their \(targets) targets; lower "
            + "min_keep, targets or target_scale"
    }
}
