// swift-tools-version: 6.2
import PackageDescription

/// Upcoming language features, on for every Swift target.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// A module without Foundation does not link the C maths library by itself.
let mathsLibrary: [LinkerSetting] = [.linkedLibrary("m", .when(platforms: [.linux]))]

/// A Swift target of ours; `needs` names other targets of this package.
func module(
    _ name: String, needs: [String] = [], exclude: [String] = [],
    linker: [LinkerSetting] = []
) -> Target {
    .target(
        name: name, dependencies: needs.map { .byName(name: $0) }, exclude: exclude,
        swiftSettings: settings, linkerSettings: linker)
}

/// A command: it reads its arguments with swift-argument-parser.
func program(_ name: String, needs: [String]) -> Target {
    .executableTarget(
        name: name, dependencies: needs.map { .byName(name: $0) } + [argumentParser], swiftSettings: settings)
}

func tests(_ name: String, needs: [String], exclude: [String] = []) -> Target {
    .testTarget(
        name: name, dependencies: (["TestSupport"] + needs).map { .byName(name: $0) }, exclude: exclude,
        swiftSettings: settings)
}

/// The one package that is not ours, for the two commands alone: whoever names this package with `traits: []` never fetches it.
let argumentParser: Target.Dependency = .product(
    name: "ArgumentParser", package: "swift-argument-parser", condition: .when(traits: ["Commands"]))

let package = Package(
    name: "Palimpsest",
    products: [
        .library(name: "ImageMasking", targets: ["ImageMasking"]),
        .library(name: "EncoderFiles", targets: ["EncoderFiles"]),
        .library(
            name: "Palimpsest",
            targets: [
                "ContentDigests", "Locks", "TensorBoardEvents", "RandomStreams", "RecipeSchema", "ImageMasking",
                "Autodiff", "Optimizers",
                "ProcessGroups", "TrainingStep", "Checkpoints", "VisionTransformers", "EncoderFiles", "EncoderExports",
                "ImageData",
                "PretrainingMethods",
                "Evaluation", "Pretraining", "Verification", "Reporting", "RunReports", "Palimpsest",
            ]),
        .executable(name: "pretrain", targets: ["pretrain"]),
        .executable(name: "bench", targets: ["bench"]),
    ],
    traits: [
        .trait(name: "Commands", description: "The commands pretrain and bench, which need swift-argument-parser."),
        .trait(name: "TIFF", description: "Reads TIFF pictures, with libtiff."),
        .trait(name: "MPI", description: "Trains by several processes, with MPI."),
        .trait(name: "WebP", description: "Reads WebP pictures, with libwebp."),
        .default(enabledTraits: ["Commands", "TIFF", "WebP"]),
    ],
    dependencies: [.package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")],
    targets: [
        module("ContentDigests"),
        module("Locks"),
        module("TensorBoardEvents"),
        module("RandomStreams", linker: mathsLibrary),
        module("RecipeSchema", linker: mathsLibrary),
        module(
            "ImageMasking", needs: ["RandomStreams", "RecipeSchema"], exclude: ["README.md"], linker: mathsLibrary),

        .systemLibrary(
            name: "CPalimpsestOpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .target(
            name: "CPalimpsestKernels", dependencies: ["CPalimpsestOpenBLAS"],
            linkerSettings: [.linkedLibrary("m"), .linkedLibrary("pthread")]),
        .target(
            name: "CPalimpsestImageCodecs",
            cSettings: [.define("PAL_TIFF", .when(traits: ["TIFF"])), .define("PAL_WEBP", .when(traits: ["WebP"]))],
            linkerSettings: [
                .linkedLibrary("png"), .linkedLibrary("jpeg"), .linkedLibrary("z"),
                .linkedLibrary("tiff", .when(traits: ["TIFF"])),
                .linkedLibrary("webp", .when(traits: ["WebP"])),
                .linkedLibrary("webpdemux", .when(traits: ["WebP"])),
            ]),

        .systemLibrary(
            name: "CPalimpsestMPILibrary", pkgConfig: "mpi-c", providers: [.apt(["libopenmpi-dev", "openmpi-bin"])]),
        .target(
            name: "CPalimpsestMPI",
            dependencies: [.target(name: "CPalimpsestMPILibrary", condition: .when(traits: ["MPI"]))],
            cSettings: [.define("PAL_MPI", .when(traits: ["MPI"]))]),

        module("Autodiff", needs: ["CPalimpsestKernels", "Locks", "RandomStreams"], exclude: ["README.md"]),
        module("Optimizers", needs: ["Autodiff", "CPalimpsestKernels", "RecipeSchema"]),
        module("ProcessGroups", needs: ["CPalimpsestMPI", "Locks"]),
        module("TrainingStep", needs: ["Autodiff", "Optimizers", "ProcessGroups"]),
        module("Checkpoints", needs: ["ContentDigests", "RecipeSchema"], exclude: ["README.md"]),
        module("VisionTransformers", needs: ["Autodiff", "ImageMasking", "RandomStreams", "RecipeSchema"]),
        module(
            "EncoderFiles",
            needs: [
                "Autodiff", "Checkpoints", "ImageMasking", "RandomStreams", "RecipeSchema", "VisionTransformers",
            ], exclude: ["README.md"]),
        module(
            "ImageData",
            needs: [
                "Checkpoints", "ContentDigests", "CPalimpsestImageCodecs", "Locks", "RandomStreams", "RecipeSchema",
            ],
            exclude: ["README.md"]),
        module(
            "PretrainingMethods",
            needs: [
                "Autodiff", "Checkpoints", "ContentDigests", "EncoderFiles", "ImageData", "ImageMasking", "Optimizers",
                "RandomStreams", "RecipeSchema", "TrainingStep", "VisionTransformers",
            ], exclude: ["README.md"], linker: mathsLibrary),
        module(
            "Evaluation",
            needs: [
                "Autodiff", "Checkpoints", "ContentDigests", "CPalimpsestOpenBLAS", "ImageData", "ImageMasking",
                "Locks",
                "Optimizers", "ProcessGroups", "RandomStreams", "RecipeSchema", "TrainingStep", "VisionTransformers",
            ]),
        module(
            "Pretraining",
            needs: [
                "Locks",
                "Autodiff", "Checkpoints", "ContentDigests", "EncoderExports", "EncoderFiles", "Evaluation",
                "ImageData",
                "ImageMasking", "Optimizers", "PretrainingMethods", "ProcessGroups", "RandomStreams", "RecipeSchema",
                "Reporting", "TensorBoardEvents", "TrainingStep", "VisionTransformers",
            ]),
        module(
            "Verification",
            needs: [
                "Autodiff", "Checkpoints", "EncoderFiles", "Evaluation", "ImageData", "ImageMasking", "Optimizers",
                "PretrainingMethods", "RandomStreams", "RecipeSchema", "TensorBoardEvents", "TrainingStep",
                "VisionTransformers",
            ]),
        module(
            "EncoderExports",
            needs: ["Autodiff", "Checkpoints", "EncoderFiles", "ImageMasking", "RecipeSchema", "VisionTransformers"]),
        module("Reporting", needs: ["ImageData", "ImageMasking"]),
        module(
            "RunReports",
            needs: [
                "Autodiff", "Checkpoints", "ContentDigests", "Evaluation", "ImageData", "ImageMasking", "Optimizers",
                "Pretraining", "PretrainingMethods", "RandomStreams", "RecipeSchema", "Reporting", "VisionTransformers",
            ]),
        module(
            "Palimpsest",
            needs: [
                "Autodiff", "EncoderFiles", "Evaluation", "ImageData", "ImageMasking", "Optimizers", "Pretraining",
                "PretrainingMethods", "RecipeSchema", "Reporting", "TrainingStep", "VisionTransformers",
            ]),

        program(
            "pretrain",
            needs: [
                "Locks",
                "Autodiff", "Checkpoints", "EncoderExports", "Evaluation", "ImageData", "ImageMasking", "Pretraining",
                "PretrainingMethods", "ProcessGroups", "RandomStreams", "RecipeSchema", "Reporting", "RunReports",
                "Verification",
                "VisionTransformers",
            ]),
        program(
            "bench",
            needs: [
                "Autodiff", "Checkpoints", "Evaluation", "ImageData", "ImageMasking", "Optimizers", "Pretraining",
                "PretrainingMethods", "RandomStreams", "RecipeSchema", "TrainingStep", "VisionTransformers",
            ]),

        .executableTarget(
            name: "fuzz",
            dependencies: [
                "Autodiff", "Checkpoints", "ImageData", "ImageMasking", "Pretraining", "PretrainingMethods",
                "RandomStreams", "RecipeSchema", "Verification", "VisionTransformers",
            ], path: "Tests/Fuzzing/Parsers", swiftSettings: settings),
        .target(
            name: "TestSupport", dependencies: ["PretrainingMethods", "RecipeSchema"], path: "Tests/TestSupport",
            swiftSettings: settings),
        tests("RandomStreamsTests", needs: ["RandomStreams"]),
        tests("TensorBoardEventsTests", needs: ["TensorBoardEvents"]),
        tests("RecipeSchemaTests", needs: ["RecipeSchema"]),
        tests("ImageMaskingTests", needs: ["ImageMasking", "RandomStreams", "RecipeSchema"]),
        tests("AutodiffTests", needs: ["Autodiff", "CPalimpsestKernels", "RandomStreams"]),
        tests("OptimizersTests", needs: ["Autodiff", "Optimizers", "RandomStreams", "RecipeSchema"]),
        tests("TrainingStepTests", needs: ["Autodiff", "Optimizers", "ProcessGroups", "TrainingStep"]),
        tests("CheckpointsTests", needs: ["Checkpoints", "ContentDigests", "RecipeSchema"]),
        tests("ImageDataTests", needs: ["ContentDigests", "ImageData", "RandomStreams", "RecipeSchema"]),
        tests(
            "CommandTests", needs: ["Checkpoints", "ImageData", "ImageMasking", "PretrainingMethods", "RecipeSchema"],
            exclude: ["Snapshots"]),
        tests(
            "PretrainingMethodsTests",
            needs: [
                "Autodiff", "Checkpoints", "EncoderFiles", "ImageData", "ImageMasking", "Optimizers",
                "PretrainingMethods", "RandomStreams", "RecipeSchema", "TrainingStep", "VisionTransformers",
            ]),
        tests(
            "EncoderFilesTests",
            needs: [
                "Autodiff", "Checkpoints", "EncoderFiles", "ImageMasking", "RandomStreams", "RecipeSchema",
                "VisionTransformers",
            ]),
        tests(
            "PretrainingTests",
            needs: [
                "Autodiff", "Checkpoints", "ContentDigests", "EncoderExports", "EncoderFiles", "Evaluation",
                "ImageData", "ImageMasking",
                "Optimizers", "Pretraining", "PretrainingMethods", "ProcessGroups", "RandomStreams", "RecipeSchema",
                "TensorBoardEvents",
                "TrainingStep", "VisionTransformers",
            ]),
        tests("PalimpsestTests", needs: ["Palimpsest"]),
        tests(
            "EncoderExportsTests",
            needs: [
                "Autodiff", "Checkpoints", "EncoderExports", "EncoderFiles", "ImageMasking", "RandomStreams",
                "RecipeSchema", "VisionTransformers",
            ]),
        tests("ReportingTests", needs: ["ImageData", "Reporting"]),
        tests(
            "RunReportsTests",
            needs: [
                "Autodiff", "Evaluation", "ImageData", "Pretraining", "RandomStreams", "RecipeSchema", "Reporting",
                "RunReports",
            ]),
        tests("VerificationTests", needs: ["Autodiff", "Checkpoints", "RecipeSchema", "Verification"]),
        tests("VisionTransformersTests", needs: ["Autodiff", "ImageMasking", "RandomStreams", "VisionTransformers"]),
        tests(
            "EvaluationTests",
            needs: [
                "Autodiff", "Checkpoints", "Evaluation", "ImageData", "ImageMasking", "RandomStreams", "RecipeSchema",
                "VisionTransformers",
            ]),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .c11
)
