// swift-tools-version: 6.2
import PackageDescription

/// A program that imports the whole library.
func program(_ name: String) -> Target {
    .executableTarget(name: name, dependencies: [.product(name: "Palimpsest", package: "Palimpsest")])
}

// Without traits, the commands and the package that reads their arguments stay away. Outside this repository, name the package
// by its address and a version.
let package = Package(
    name: "Programs",
    dependencies: [.package(name: "Palimpsest", path: "../..", traits: [])],
    targets: [program("Features"), program("OwnPrimitive"), program("OwnStrategy")],
    swiftLanguageModes: [.v6]
)
