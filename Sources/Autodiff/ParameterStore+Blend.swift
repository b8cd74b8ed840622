import CPalimpsestKernels

extension ParameterStore {
    /// Moves every parameter towards that of another store: θ ← (1 − share)·θ + share·other.
    ///
    /// - Parameters:
    ///   - share: From 0, which changes nothing, to 1, which copies.
    ///   - other: Begins with parameters of the same names and shapes; what follows them is not read.
    public mutating func blend(_ share: Float, of other: ParameterStore, on engine: Engine) {
        require((0...1).contains(share), "blend: a share of \(share)")
        require(
            other.entries.count >= entries.count && other.entries.prefix(entries.count).elementsEqual(entries),
            "blend: the other store does not begin with the same parameters")
        let count = flatCount
        // Two factors that add up to exactly 1, so that equal numbers stay equal however often this is done.
        let kept = 1 - share
        let taken = 1 - kept
        withUnsafeMutableBuffer { own in
            other.flat.withUnsafeBuffer { source in
                guard let own = own.baseAddress, let source = source.baseAddress else { return }
                pal_scale_add(engine.handle, count, own, kept, source, taken, own)
            }
        }
    }
}
