import CPalimpsestKernels

extension Engine {
    /// Calls `body` for 0..<count on the engine's threads, in any order, and returns when all calls have ended.
    ///
    /// Each call writes to a place of its own and knows nothing of threads, so the results do not depend on their number. A
    /// call may use this engine too: that work is then done on its own thread.
    package func forEach(_ count: Int, _ body: (Int) -> Void) {
        withoutActuallyEscaping(body) { body in
            // The C loop ends before this function does, so the pointer is valid at every call.
            withUnsafePointer(to: body) { body in
                pal_engine_run(
                    handle, count,
                    { context, index, _ in
                        context?.assumingMemoryBound(to: ((Int) -> Void).self).pointee(index)
                    }, UnsafeMutableRawPointer(mutating: body))
            }
        }
    }
}
