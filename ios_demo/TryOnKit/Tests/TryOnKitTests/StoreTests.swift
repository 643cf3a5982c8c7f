import Foundation
import Testing

@testable import TryOnKit

/// How far an installation came before its process died. Every step is the store's own, on real files.
enum Death: String, CaseIterable {
    case unpacking, staged, moved, pointing
}

@Test(arguments: Death.allCases)
func aProcessThatDiesLeavesTheOldBundleWorking(_ death: Death) throws {
    let folder = try TemporaryFolder()
    let old = try installedGoodBundle(in: folder)
    let source = try otherBundle(in: folder)
    let dying = try BundleStore(folder: folder.place("store"))
    let staged = folder.place("store/partial-x")
    let digest = try dying.stage(source, in: staged)
    switch death {
    case .unpacking: try FileManager.default.removeItem(at: staged.appendingPathComponent("tflite/whole_fp16.tflite"))
    case .staged: break
    case .moved: try dying.moveIntoPlace(staged, digest: digest)
    case .pointing:  // what replaces the pointer lies beside it, cut short
        try dying.moveIntoPlace(staged, digest: digest)
        try write(Data(digest.utf8.prefix(10)), to: folder.place("store/.current.partial"))
    }

    let next = try BundleStore(folder: folder.place("store"))
    let installed = try #require(try next.installed())
    #expect(installed.manifest.digest == old.manifest.digest)
    #expect(try Set(next.names()) == ["current", old.manifest.digest], "what was left is removed")
    #expect(try next.install(from: source).manifest.digest == digest)
    #expect(try Set(next.names()) == ["current", digest])
}

@Test func aProcessThatDiesAfterTheLastStepHasInstalledTheNewOne() throws {
    let folder = try TemporaryFolder()
    _ = try installedGoodBundle(in: folder)
    let dying = try BundleStore(folder: folder.place("store"))
    let staged = folder.place("store/partial-x")
    let digest = try dying.stage(otherBundle(in: folder), in: staged)
    try dying.moveIntoPlace(staged, digest: digest)
    try dying.point(to: digest)

    let next = try BundleStore(folder: folder.place("store"))
    #expect(try next.installed()?.manifest.digest == digest)
    #expect(try Set(next.names()) == ["current", digest])
}

@Test func aRefusedBundleLeavesTheOldOneInstalled() throws {
    let folder = try TemporaryFolder()
    let old = try installedGoodBundle(in: folder)
    let store = try BundleStore(folder: folder.place("store"))
    for name in ["spoilt", "one_bit", "bomb"] {
        #expect(throws: BundleRefusal.self) {
            try store.install(from: Vectors.folder.appendingPathComponent("zips/\(name).zip"))
        }
        #expect(try store.installed()?.manifest.digest == old.manifest.digest)
        #expect(try Set(store.names()) == ["current", old.manifest.digest])
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

extension BundleStore {
    fileprivate func names() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path)
    }
}
