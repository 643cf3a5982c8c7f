import Foundation
import Testing

@testable import TryOnKit

#if os(Linux) || os(macOS)

@Test(.enabled(if: DyingInstallation.ordered == nil), arguments: ["folder", "zip"])
func aProcessThatIsKilledLeavesTheOldBundleWorking(_ kind: String) throws {
    let folder = try TemporaryFolder()
    let other = try otherBundle(in: folder)
    let source = kind == "zip" ? try zip(of: other, in: folder) : other
    let digest = try TryOnBundle(verifying: other).manifest.digest
    let sizes = try contents(of: other).map(\.content.count)
    let all = sizes.reduce(0, +), first = sizes[0]
    // Between two files, within one, all but a byte; after all comes the pointer
    let written = [0, 1, first, first + 1, all / 2, all - 1, all, all + 32].map(DyingInstallation.Death.written)
    for death in written + [.after(.staged), .after(.moved)] {
        let store = folder.place("store-\(UUID().uuidString)")
        let old = try BundleStore(folder: store).install(from: Vectors.folder.appendingPathComponent("bundle"))
        #expect(try DyingInstallation(store: store, source: source, death: death).run(), "\(death)")
        #expect(try BundleStore.names(in: store).count > 2, "\(death): something is left")

        let next = try BundleStore(folder: store)
        #expect(try next.installed()?.manifest.digest == old.manifest.digest, "\(death)")
        #expect(try Set(BundleStore.names(in: store)) == ["current", old.manifest.digest], "\(death): it is removed")
        #expect(try next.install(from: source).manifest.digest == digest, "\(death)")
        #expect(try Set(BundleStore.names(in: store)) == ["current", digest], "\(death)")
    }
}

/// After the last step the new one counts, and nothing else ends such a process.
@Test(.enabled(if: DyingInstallation.ordered == nil), arguments: [true, false])
func aProcessThatHasPointedToTheNewBundleHasInstalledIt(_ isKilled: Bool) throws {
    let folder = try TemporaryFolder()
    _ = try installedGoodBundle(in: folder)
    let store = folder.place("store"), other = try otherBundle(in: folder)
    let process = DyingInstallation(store: store, source: other, death: isKilled ? .after(.pointed) : .never)
    #expect(try process.run() == isKilled)
    let installed = try #require(try BundleStore(folder: store).installed())
    #expect(try installed.manifest.digest == TryOnBundle(verifying: other).manifest.digest)
    #expect(try Set(BundleStore.names(in: store)) == ["current", installed.manifest.digest])
}

#endif

@Test func aRefusedBundleLeavesTheOldOneInstalled() throws {
    let folder = try TemporaryFolder()
    let old = try installedGoodBundle(in: folder)
    let store = try BundleStore(folder: folder.place("store"))
    for name in ["spoilt", "one_bit", "bomb"] {
        #expect(throws: BundleRefusal.self) {
            try store.install(from: Vectors.folder.appendingPathComponent("zips/\(name).zip"))
        }
        #expect(try store.installed()?.manifest.digest == old.manifest.digest)
        #expect(try Set(BundleStore.names(in: store.folder)) == ["current", old.manifest.digest])
    }
}

@Test func aBundleThatWasDamagedAfterwardsIsRefusedAndMended() throws {
    let folder = try TemporaryFolder()
    let old = try installedGoodBundle(in: folder)
    try write(Data("x".utf8), to: old.folder.appendingPathComponent("tflite/whole_fp16.tflite"))
    let store = try BundleStore(folder: folder.place("store"))
    #expect(throws: BundleRefusal.self) { try store.installed() }
    #expect(try store.install(from: Vectors.folder.appendingPathComponent("zips/good.zip")).folder == old.folder)
    #expect(try store.installed() != nil)
}

@Test func whatIsNotThereIsNotInstalled() throws {
    let folder = try TemporaryFolder()
    let store = try BundleStore(folder: folder.place("store"))
    #expect(throws: TryOnError.self) { try store.install(from: folder.place("none.zip")) }
    #expect(try store.installed() == nil)
}

private func installedGoodBundle(in folder: TemporaryFolder) throws -> TryOnBundle {
    let store = try BundleStore(folder: folder.place("store"))
    return try store.install(from: Vectors.folder.appendingPathComponent("bundle"))
}

/// The good one with another network's name.
private func otherBundle(in folder: TemporaryFolder) throws -> URL {
    let place = folder.place("other.dmvton")
    try copyOfGoodBundle(at: place)
    let file = place.appendingPathComponent(Manifest.name)
    let text = String(decoding: try Data(contentsOf: file), as: UTF8.self)
    try TestBundle.seal(text.replacingOccurrences(of: "dmvton-student", with: "dmvton-lite")).write(to: file)
    return place
}

/// A bundle's files, in the order that an installation writes them.
private func contents(of bundle: URL) throws -> [(path: String, content: Data)] {
    let listed = try TryOnBundle(verifying: bundle).manifest.files.keys.sorted()
    return try (listed + [Manifest.name]).map { ($0, try Data(contentsOf: bundle.appendingPathComponent($0))) }
}

private func zip(of bundle: URL, in folder: TemporaryFolder) throws -> URL {
    var maker = ZipMaker()
    for (path, content) in try contents(of: bundle) {
        maker.add(path, content, .deflated, saying: content.count)
    }
    let place = folder.place("other.zip")
    try write(maker.zip(), to: place)
    return place
}

extension BundleStore {
    /// Of all that lies in its folder.
    fileprivate static func names(in folder: URL) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path)
    }
}
