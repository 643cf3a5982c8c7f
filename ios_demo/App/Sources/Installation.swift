import Foundation
import TryOnKit

/// Where this app keeps its bundle.
enum Installation {
    private static let embeddedKey = "embedded-bundle"

    static func store() throws -> BundleStore {
        let support = try FileManager.default.url(
            for: .applicationSupportDirectory, in: .userDomainMask, appropriateFor: nil, create: true
        )
        return try BundleStore(folder: support.appendingPathComponent("bundles"))
    }

    /// The installed bundle; the embedded one instead, once, where an update of the app brought another. embedded: the
    /// folder that may hold one. Throws BundleRefusal for a damaged one.
    static func begin(embedded folder: URL?) throws -> TryOnBundle? {
        let store = try store()
        let files = folder.flatMap { try? FileManager.default.contentsOfDirectory(at: $0, includingPropertiesForKeys: nil) }
        guard let source = files?.first(where: { $0.pathExtension == "dmvton" }) else { return try store.installed() }
        let digest = try TryOnBundle(verifying: source).manifest.digest
        if UserDefaults.standard.string(forKey: embeddedKey) == digest, let installed = try store.installed() {
            return installed
        }
        let installed = try store.install(from: source)
        UserDefaults.standard.set(digest, forKey: embeddedKey)
        return installed
    }
}
