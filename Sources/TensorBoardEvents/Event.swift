/// An event of TensorBoard: what was true at a step.
public struct Event: Sendable {
    /// What an event can tell.
    public enum Content: Sendable {
        /// The first event of a file.
        case fileVersion
        /// A number under a tag.
        case scalar(tag: String, Float)
        /// A PNG picture under a tag.
        case image(tag: String, height: Int, width: Int, channels: Int, png: [UInt8])
        /// A text in Markdown under a name.
        case text(name: String, String)
        /// How often values lie in which range under a tag: `counts[i]` of them up to `limits[i]`.
        case histogram(tag: String, Histogram)
    }

    /// The figures of a histogram.
    public struct Histogram: Sendable {
        /// The least value.
        public var least: Double
        /// The largest value.
        public var largest: Double
        /// How many there are.
        public var count: Double
        /// Their sum.
        public var sum: Double
        /// The sum of their squares.
        public var sumOfSquares: Double
        /// The upper ends of the ranges, rising.
        public var limits: [Double]
        /// How many values a range has.
        public var counts: [Double]

        /// Some figures.
        public init(
            least: Double, largest: Double, count: Double, sum: Double, sumOfSquares: Double, limits: [Double],
            counts: [Double]
        ) {
            self.least = least
            self.largest = largest
            self.count = count
            self.sum = sum
            self.sumOfSquares = sumOfSquares
            self.limits = limits
            self.counts = counts
        }
    }

    /// Seconds since 1970.
    public var time: Double
    /// The step.
    public var step: Int
    /// What it tells.
    public var content: Content

    /// An event.
    public init(time: Double, step: Int = 0, _ content: Content) {
        self.time = time
        self.step = step
        self.content = content
    }

    /// The record of a file: length, its check, the event, its check.
    public var record: [UInt8] {
        let event = message.bytes
        let length = withUnsafeBytes(of: UInt64(event.count).littleEndian, Array.init)
        func check(_ bytes: [UInt8]) -> [UInt8] {
            withUnsafeBytes(of: CRC32C.masked(bytes).littleEndian, Array.init)
        }
        return length + check(length) + event + check(event)
    }

    private var message: WireMessage {
        var event = WireMessage()
        event.add(1, double: time)
        event.add(2, integer: step)
        guard let value else {
            event.add(3, text: "brain.Event:2")
            return event
        }
        var summary = WireMessage()
        summary.add(1, message: value)
        event.add(5, message: summary)
        return event
    }

    /// The value of a summary; nil for the version of the file.
    private var value: WireMessage? {
        var value = WireMessage()
        switch content {
        case .fileVersion: return nil
        case .scalar(let tag, let number):
            value.add(1, text: tag)
            value.add(2, float: number)
        case .image(let tag, let height, let width, let channels, let png):
            value.add(1, text: tag)
            var image = WireMessage()
            image.add(1, integer: height)
            image.add(2, integer: width)
            image.add(3, integer: channels)
            image.add(4, bytes: png)
            value.add(4, message: image)
        case .text(let name, let text):
            value.add(1, text: name + "/text_summary")
            var (plugin, metadata, size, shape, tensor) =
                (WireMessage(), WireMessage(), WireMessage(), WireMessage(), WireMessage())
            plugin.add(1, text: "text")
            metadata.add(1, message: plugin)
            size.add(1, integer: 1)
            shape.add(2, message: size)
            tensor.add(1, integer: 7)
            tensor.add(2, message: shape)
            tensor.add(8, text: text)
            // The order of the programs that write such files.
            value.add(9, message: metadata)
            value.add(8, message: tensor)
        case .histogram(let tag, let figures):
            value.add(1, text: tag)
            var histogram = WireMessage()
            histogram.add(1, double: figures.least)
            histogram.add(2, double: figures.largest)
            histogram.add(3, double: figures.count)
            histogram.add(4, double: figures.sum)
            histogram.add(5, double: figures.sumOfSquares)
            histogram.add(6, packed: figures.limits)
            histogram.add(7, packed: figures.counts)
            value.add(5, message: histogram)
        }
        return value
    }
}
