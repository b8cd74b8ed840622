/// The class names of a text file, one a line, empty lines at the end not counted; nil where there is no such file.
func classNames(file path: String) throws(ImageError) -> [String]? { try classNames(file: FileName(path)) }

/// The class names of a text file, one a line, empty lines at the end not counted; nil where there is no such file.
func classNames(file path: FileName) throws(ImageError) -> [String]? {
    guard kind(of: path) == .file else { return nil }
    let text = String(decoding: try readFile(path, limit: 16 << 20), as: UTF8.self)
    var lines = text.split(whereSeparator: \.isNewline).map { $0.trimmingASCIISpace() }
    while lines.last?.isEmpty == true { lines.removeLast() }
    return lines.isEmpty ? nil : lines
}

extension StringProtocol {
    /// The text without blanks, tabs and line ends around it.
    func trimmingASCIISpace() -> String {
        let spaces: Set<Character> = [" ", "\t", "\n", "\r", "\r\n"]
        let start = drop { spaces.contains($0) }
        guard let last = start.lastIndex(where: { !spaces.contains($0) }) else { return "" }
        return String(start[...last])
    }
}
