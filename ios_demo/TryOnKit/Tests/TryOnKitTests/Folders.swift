import Foundation

/// A folder that goes when the test ends.
final class TemporaryFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("TryOnKit-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(at: url)
    }

    func place(_ name: String) -> URL { url.appendingPathComponent(name) }

    /// What lies in it, at the top.
    func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: url.path).sorted()
    }
}

/// A good bundle, changed in one way or another.
func copyOfGoodBundle(at url: URL) throws {
    try FileManager.default.copyItem(at: Vectors.folder.appendingPathComponent("bundle"), to: url)
}

func write(_ data: Data, to url: URL) throws {
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try data.write(to: url)
}
