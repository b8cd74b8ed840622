// swift-tools-version: 6.2
import PackageDescription

// A program that wants the masks alone: without traits nothing else is fetched. Outside this repository, name the package by
// its address and a version.
let package = Package(
    name: "MasksOnly",
    dependencies: [.package(name: "Palimpsest", path: "../..", traits: [])],
    targets: [
        .executableTarget(
            name: "MasksOnly", dependencies: [.product(name: "ImageMasking", package: "Palimpsest")])
    ],
    swiftLanguageModes: [.v6]
)
