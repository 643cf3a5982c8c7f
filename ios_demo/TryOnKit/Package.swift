// swift-tools-version: 5.9
import PackageDescription

let package = Package(
    name: "TryOnKit",
    platforms: [.iOS(.v16), .macOS(.v13)],
    products: [.library(name: "TryOnKit", targets: ["TryOnKit"])],
    targets: [
        .systemLibrary(name: "CZlib"),
        .target(name: "TryOnKit", dependencies: ["CZlib"]),
        .testTarget(name: "TryOnKitTests", dependencies: ["TryOnKit", "CZlib"]),
    ]
)
