// swift-tools-version: 6.2
import PackageDescription

// Programs that use the whole library. Outside this repository, name the package by its address and a version.
let package = Package(
    name: "Programs",
    dependencies: [.package(name: "Palimpsest", path: "../..")],
    targets: [
        .executableTarget(name: "OwnStrategy", dependencies: [.product(name: "Palimpsest", package: "Palimpsest")]),
        .executableTarget(name: "Features", dependencies: [.product(name: "Palimpsest", package: "Palimpsest")]),
    ],
    swiftLanguageModes: [.v6]
)
