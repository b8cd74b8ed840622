import Palimpsest

/// Prints the features of pictures: `Features ENCODER PICTURE…`.
@main
enum Features {
    static func main() throws {
        guard CommandLine.arguments.count > 2 else { return print("usage: Features ENCODER PICTURE…") }
        let encoder = try Encoder.load(CommandLine.arguments[1])
        let engine = try Engine.ofThisMachine()
        for path in CommandLine.arguments.dropFirst(2) {
            let features = try encoder.features(ofFile: path, engine: engine)
            print(path, features.map { String($0) }.joined(separator: " "))
        }
    }
}
