/// Looks for the best of an ordered list of settings without trying them all.
enum HillWalk {
    /// Starts at `start`, tries the settings `stride` before and after the best so far until neither is better, then
    /// halves the stride. A setting is better when its score is larger, or equal and it comes earlier in the list.
    ///
    /// - Returns: the place of the best setting and the score of all that were tried, by place.
    static func search(
        count: Int, start: Int, stride: Int, score: (Int) throws -> Double
    ) rethrows -> (best: Int, tried: [Int: Double]) {
        var best = start
        var tried = [start: try score(start)]
        func isBetter(_ a: Int, _ b: Int) -> Bool {
            let (x, y) = (tried[a] ?? 0, tried[b] ?? 0)
            return x != y ? x > y : a < b
        }
        var stride = stride
        while stride >= 1 {
            let centre = best
            for place in [centre - stride, centre + stride] where (0..<count).contains(place) {
                if tried[place] == nil { tried[place] = try score(place) }
                if isBetter(place, best) { best = place }
            }
            if best == centre { stride /= 2 }
        }
        return (best, tried)
    }
}
