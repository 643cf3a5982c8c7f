import Foundation
import Testing

@testable import TryOnKit

@Test(arguments: Vectors.cases.refusals)
func changedBundles(_ of: Cases.RefusalCase) throws {
    let folder = try TemporaryFolder()
    let bundle = folder.place("good.dmvton")
    try copyOfGoodBundle(at: bundle)
    for change in of.changes {
        try make(change, in: bundle)
    }
    try expectInstall(of: bundle, into: folder.place("store"), refusedAs: of.kind, may: false)
}

@Test(arguments: Vectors.cases.zips)
func zips(_ of: Cases.ZipCase) throws {
    let folder = try TemporaryFolder()
    let zip = Vectors.folder.appendingPathComponent("zips/\(of.name).zip")
    try expectInstall(of: zip, into: folder.place("store"), refusedAs: of.kind, may: of.may)
}

/// Where it is refused, nothing is installed and nothing is left. may: a good one may be refused.
private func expectInstall(of source: URL, into place: URL, refusedAs kind: String?, may: Bool) throws {
    let store = try BundleStore(folder: place)
    do {
        let bundle = try store.install(from: source)
        #expect(kind == nil, "it was installed")
        #expect(try store.installed()?.manifest.digest == bundle.manifest.digest)
    } catch let refusal as BundleRefusal {
        #expect(may || refusal.kind.rawValue == kind, "\(refusal.message)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: place.path).isEmpty)
        #expect(try store.installed() == nil)
    }
}

private func make(_ change: Cases.Change, in bundle: URL) throws {
    let place = bundle.appendingPathComponent(change.path)
    switch change.op {
    case "write": try write(#require(change.base64), to: place)
    case "remove": try FileManager.default.removeItem(at: place)
    case "link":
        try FileManager.default.createSymbolicLink(atPath: place.path, withDestinationPath: #require(change.to))
    case "grow":
        let content = try Data(contentsOf: place) + Data(repeating: 0x20, count: #require(change.bytes))
        try content.write(to: place)
    default: Issue.record("no such change: \(change.op)")
    }
}

@Test func whatTheManifestSays() throws {
    let bundle = try TryOnBundle(verifying: Vectors.folder.appendingPathComponent("bundle"))
    let manifest = bundle.manifest
    #expect(manifest.network == "dmvton-student" && !manifest.trained && manifest.alignCorners)
    #expect(manifest.precisions(for: .coreml) == [.fp16])
    #expect(manifest.precisions(for: .onnx).isEmpty)
    #expect(try manifest.artifacts(for: .coreml, .fp16).map(\.path) == ["coreml/whole_fp16.mlpackage"])
    #expect(try manifest.boundDb(for: .coreml, .fp16) == 60)
    #expect(throws: TryOnError.self) { try manifest.artifacts(for: .coreml, .int8) }
    #expect(!bundle.isSigned)
}

@Test func aSignatureMakesABundleSigned() throws {
    let folder = try TemporaryFolder()
    try copyOfGoodBundle(at: folder.place("b"))
    try write(Data("{}".utf8), to: folder.place("b/signature"))
    #expect(try TryOnBundle(verifying: folder.place("b")).isSigned)
}

@Test func aSignatureIsInstalledWithItsBundle() throws {
    let folder = try TemporaryFolder()
    try copyOfGoodBundle(at: folder.place("b"))
    try write(Data("{}".utf8), to: folder.place("b/signature"))
    #expect(try BundleStore(folder: folder.place("store")).install(from: folder.place("b")).isSigned)
}

/// The manifest and the zip's directory agree on a size, what is packed is larger.
@Test(arguments: [ZipMaker.Method.stored, .deflated])
func unpackingStopsWhereAnEntryGivesMoreThanItSaid(_ method: ZipMaker.Method) throws {
    let folder = try TemporaryFolder()
    let packed = Data((0..<200_000).map { UInt8(truncatingIfNeeded: $0 * $0 >> 3) })
    let said = 100_000
    var maker = ZipMaker()
    for (path, content) in try TestBundle.sealed(["golden/tryon.safetensors": packed.prefix(said)]) {
        let isLarger = path == "golden/tryon.safetensors"
        maker.add(path, isLarger ? packed : content, method, saying: isLarger ? said : content.count)
    }
    try maker.zip().write(to: folder.place("b.zip"))

    let zip = try BundleZip(folder.place("b.zip"))
    try FileManager.default.createDirectory(at: folder.place("out"), withIntermediateDirectories: false)
    let new = NewFiles(folder: folder.place("out"), write: NewFiles.append)
    #expect { try zip.unpack(into: new) } throws: { ($0 as? BundleRefusal)?.kind == .damaged }
    let written = folder.place("out/golden/tryon.safetensors")
    let bytes = (try? FileManager.default.attributesOfItem(atPath: written.path)[.size] as? NSNumber)?.intValue ?? 0
    #expect(bytes <= said)
}

@Test(arguments: [("unlisted", BundleRefusal.Kind.unlisted), ("other_size", .changed)])
func whatTheManifestDoesNotListAsItIsIsRefusedBeforeAnythingIsUnpacked(_ name: String, _ kind: BundleRefusal.Kind) throws {
    let zip = Vectors.folder.appendingPathComponent("zips/\(name).zip")
    #expect { try BundleZip(zip) } throws: { ($0 as? BundleRefusal)?.kind == kind }
}

@Test func aSignatureThatWouldUnpackToTooMuchIsRefused() throws {
    let folder = try TemporaryFolder()
    let large = Data((0..<200_000).map { UInt8(truncatingIfNeeded: $0 * $0 >> 3) })  // so that the zip is no bomb by its ratio
    var maker = ZipMaker()
    for (path, content) in try TestBundle.sealed(["golden/tryon.safetensors": large]) {
        maker.add(path, content, .stored, saying: content.count)
    }
    maker.add(Manifest.signature, Data(count: 2), .stored, saying: Manifest.mostBytes + 1)
    try maker.zip().write(to: folder.place("b.zip"))
    #expect { try BundleZip(folder.place("b.zip")) } throws: { ($0 as? BundleRefusal)?.kind == .unsafe }
}

@Test func anEntryThatGivesLessThanItSaidIsDamaged() throws {
    let folder = try TemporaryFolder()
    var maker = ZipMaker()
    for (path, content) in try TestBundle.sealed(["golden/tryon.safetensors": Data(repeating: 1, count: 50)]) {
        maker.add(path, path.hasPrefix("golden") ? content.dropLast() : content, .deflated, saying: content.count)
    }
    try maker.zip().write(to: folder.place("b.zip"))
    let store = try BundleStore(folder: folder.place("store"))
    #expect { try store.install(from: folder.place("b.zip")) } throws: { ($0 as? BundleRefusal)?.kind == .damaged }
}

@Test func aZipOfTooManyFilesIsRefused() throws {
    let folder = try TemporaryFolder()
    var maker = ZipMaker()
    for number in 0...BundleZip.mostEntries { maker.add("f\(number)", Data(), .stored, saying: 0) }
    try maker.zip().write(to: folder.place("b.zip"))
    #expect { try BundleZip(folder.place("b.zip")) } throws: { ($0 as? BundleRefusal)?.kind == .unsafe }
}
