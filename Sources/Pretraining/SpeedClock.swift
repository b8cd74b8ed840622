/// Images a second since the epoch began, and the share of that time spent waiting for data.
struct SpeedClock {
    private let clock = ContinuousClock()
    private var began = ContinuousClock.now
    private var images = 0
    private var waitedBefore = 0.0
    /// The loss of the last step.
    private(set) var lastLoss = 0.0

    /// Begins anew; `waited` is the loader's total so far.
    mutating func restart(waited: Double) {
        began = clock.now
        images = 0
        waitedBefore = waited
    }

    mutating func add(images: Int, loss: Double) {
        self.images += images
        lastLoss = loss
    }

    /// Seconds since the restart.
    var seconds: Double { (clock.now - began) / .seconds(1) }

    var imagesPerSecond: Double { seconds > 0 ? Double(images) / seconds : 0 }

    func waitShare(waited: Double) -> Double { seconds > 0 ? min(1, (waited - waitedBefore) / seconds) : 0 }
}
