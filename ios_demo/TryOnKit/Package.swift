// swift-tools-version: 5.9
import PackageDescription

let package = Package(
    name: "TryOnKit",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [.library(name: "TryOnKit", targets: ["TryOnKit"])],
    targets: [
        .systemLibrary(name: "CZlib"),
        .target(name: "TryOnKit", dependencies: ["CZlib"]),
        // The app's Metal kernel, as C++
        .target(
            name: "MetalKernel", path: "Tests/MetalKernel", exclude: ["shim"], cxxSettings: [.headerSearchPath("shim")]
        ),
        .testTarget(name: "TryOnKitTests", dependencies: ["TryOnKit", "CZlib", "MetalKernel"]),
    ],
    cxxLanguageStandard: .cxx14  // Metal's
)
