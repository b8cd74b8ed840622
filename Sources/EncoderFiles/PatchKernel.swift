import Autodiff

/// The patch kernel of an encoder, `[width, bands, p, p]`, for pictures of another number of bands, as timm's `in_chans` has it.
///
/// One band gets the sum over all: a gray picture gives what the same picture gives with equal bands. Otherwise the n kernels are taken
/// in turn, from the first on again, until there are m, and scaled by n/m: a picture whose bands repeat in the same turn gives the same
/// where m is a multiple of n.
package enum PatchKernel {
    /// The kernel for `wanted` bands.
    static func adapted(_ kernel: Tensor, to wanted: Int) -> Tensor {
        let (width, bands) = (kernel.shape[0], kernel.shape[1])
        let patch = kernel.count / (width * bands)
        var made = [Float](repeating: 0, count: width * wanted * patch)
        let scale = Float(bands) / Float(wanted)
        kernel.withUnsafeBuffer { values in
            for row in 0..<width {
                for band in 0..<(wanted == 1 ? bands : wanted) {
                    let from = (row * bands + band % bands) * patch
                    let to = wanted == 1 ? row * patch : (row * wanted + band) * patch
                    for i in 0..<patch {
                        made[to + i] = wanted == 1 ? made[to + i] + values[from + i] : values[from + i] * scale
                    }
                }
            }
        }
        return Tensor(made, [width, wanted, kernel.shape[2], kernel.shape[3]])
    }

    /// What `adapted` does, for an account.
    package static func change(from bands: Int, to wanted: Int) -> String {
        let how =
            wanted == 1
            ? "summed"
            : wanted > bands ? "repeated, scaled by \(bands)/\(wanted)" : "the first ones, scaled by \(bands)/\(wanted)"
        return "patch kernel of \(bands) \(bands == 1 ? "band" : "bands") made into \(wanted): \(how)"
    }
}

extension EncoderParts {
    /// Makes the patch kernel one of a model's bands, and says so in the account.
    mutating func fitBands(of wanted: Int, _ account: inout EncoderAccount) {
        let name = "patch_embed.proj.weight"
        guard let kernel = weights.tensors[name], kernel.shape.rank == 4, kernel.shape[1] != wanted else { return }
        account.changes.append(PatchKernel.change(from: kernel.shape[1], to: wanted))
        weights.replace(name, by: PatchKernel.adapted(kernel, to: wanted))
    }
}
