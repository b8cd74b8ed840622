import ImageMasking

// Green-noise masks for three images of 14 x 14 patches: the same for this seed and these images, in any batch.
let request = MaskRequest(grid: PatchGrid(rows: 14, columns: 14), samples: [7, 8, 9], epoch: 0)
let plan = try ColorNoiseMasking().plan(request, random: RandomStream(seed: 1))
if case .patches(let mask) = plan {
    for row in 0..<14 {
        let lines = (0..<mask.imageCount).map { image in
            (0..<14).map { mask.isHidden(row * 14 + $0, in: image) ? "·" : "█" }.joined()
        }
        print(lines.joined(separator: "   "))
    }
}
