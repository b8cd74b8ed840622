/// Stops the program with a message unless the caller kept its part of the bargain.
///
/// `precondition` prints no message in optimised programs; with two shapes in it, the message is what helps.
@inline(__always)
func require(
    _ condition: Bool, _ message: @autoclosure () -> String, file: StaticString = #file, line: UInt = #line
) {
    if !condition { fatalError(message(), file: file, line: line) }
}
