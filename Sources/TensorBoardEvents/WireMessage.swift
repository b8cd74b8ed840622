/// A message in the wire format of protocol buffers: fields in the order in which they are added.
struct WireMessage {
    private(set) var bytes: [UInt8] = []

    /// An integer; nought is left out, as the third version of the format has it.
    mutating func add(_ field: Int, integer: Int) {
        guard integer != 0 else { return }
        addVariable(UInt64(field << 3))
        addVariable(UInt64(bitPattern: Int64(integer)))
    }

    mutating func add(_ field: Int, double: Double) {
        addVariable(UInt64(field << 3 | 1))
        addFixed(double.bitPattern)
    }

    mutating func add(_ field: Int, float: Float) {
        addVariable(UInt64(field << 3 | 5))
        addFixed(float.bitPattern)
    }

    mutating func add(_ field: Int, bytes content: some Collection<UInt8>) {
        addVariable(UInt64(field << 3 | 2))
        addVariable(UInt64(content.count))
        bytes += content
    }

    mutating func add(_ field: Int, text: String) { add(field, bytes: Array(text.utf8)) }

    mutating func add(_ field: Int, message: WireMessage) { add(field, bytes: message.bytes) }

    /// Doubles without a key each.
    mutating func add(_ field: Int, packed numbers: [Double]) {
        var content = WireMessage()
        for number in numbers { content.addFixed(number.bitPattern) }
        add(field, bytes: content.bytes)
    }

    /// Seven bits a byte, the lowest first.
    private mutating func addVariable(_ value: UInt64) {
        var left = value
        while left > 127 {
            bytes.append(UInt8(left & 127 | 128))
            left >>= 7
        }
        bytes.append(UInt8(left))
    }

    private mutating func addFixed(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes += $0 }
    }
}
