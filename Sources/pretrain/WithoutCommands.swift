#if !Commands
import Foundation

/// What is left of the program where its commands were not built, because nothing may be fetched to parse arguments.
@main
enum Pretrain {
    static func main() {
        print(
            "this program was built without its commands, and without reading TIFF and WebP; build it with the default traits, or "
                + "with --traits Commands")
        exit(69)
    }
}
#endif
