import Foundation

/// Where an app keeps its bundle: whole or absent, whenever the process dies.
///
/// Every bundle lies in a folder named after its digest; the file `current`, replaced in one step, says which one counts.
/// One store per folder at a time.
public struct BundleStore {
    let folder: URL
    private let write: NewFiles.Write

    private var pointer: URL { folder.appendingPathComponent("current") }

    /// Makes the folder, and removes what an installation left that was interrupted.
    public init(folder: URL) throws {
        try self.init(folder: folder, write: NewFiles.append)
    }

    /// write: how files are written.
    init(folder: URL, write: @escaping NewFiles.Write) throws {
        self.folder = folder
        self.write = write
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try removeAll(but: current())
    }

    /// The installed bundle, verified; nil where there is none. Throws BundleRefusal where it is no longer what it was.
    public func installed() throws -> TryOnBundle? {
        try current().map { try TryOnBundle(verifying: place(of: $0)) }
    }

    /// Installs a bundle from its folder or a zip of it. Throws BundleRefusal, and what the disk says; the one before then
    /// still counts.
    public func install(from source: URL) throws -> TryOnBundle {
        try install(from: source) { _ in }
    }

    /// After each but the last the old bundle counts, after the last one the new.
    enum Step: String, Codable {
        case staged, moved, pointed
    }

    /// after: told of every step that is done.
    func install(from source: URL, after: (Step) -> Void) throws -> TryOnBundle {
        let staged = place(of: "partial-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: staged) }
        let digest = try stage(source, in: staged)
        after(.staged)
        try moveIntoPlace(staged, digest: digest)
        after(.moved)
        try point(to: digest)
        after(.pointed)
        try removeAll(but: digest)
        return try TryOnBundle(verifying: place(of: digest))
    }

    /// Unpacks or copies the bundle into a folder beside its place and verifies it there; returns its digest.
    private func stage(_ source: URL, in staged: URL) throws -> String {
        let source = source.resolvingSymlinksInPath()
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: source.path, isDirectory: &isFolder) else {
            throw TryOnError("There is no bundle at \(source.path). Choose a bundle's folder or zip.")
        }
        let new = NewFiles(folder: staged, write: write)
        if isFolder.boolValue {
            try copy(TryOnBundle(verifying: source), into: new)
        } else {
            try BundleZip(source).unpack(into: new)
        }
        return try TryOnBundle(verifying: staged).manifest.digest
    }

    private func copy(_ bundle: TryOnBundle, into new: NewFiles) throws {
        let signature = bundle.isSigned ? [Manifest.signature] : []
        for path in bundle.manifest.files.keys.sorted() + [Manifest.name] + signature {
            try new.add(path, from: bundle.folder.appendingPathComponent(path))
        }
    }

    /// A bundle of that digest that is there already stays if it is whole.
    private func moveIntoPlace(_ staged: URL, digest: String) throws {
        let place = place(of: digest)
        if (try? TryOnBundle(verifying: place)) != nil { return }
        if FileManager.default.fileExists(atPath: place.path) {
            try FileManager.default.removeItem(at: place)
        }
        try FileManager.default.moveItem(at: staged, to: place)
    }

    private func point(to digest: String) throws {
        let partial = "partial-\(UUID().uuidString)"
        try NewFiles(folder: folder, write: write).add(partial) { sink in try sink(Data(digest.utf8)) }
        guard rename(place(of: partial).path, pointer.path) == 0 else {
            throw TryOnError("\(pointer.path) cannot be replaced: \(String(cString: strerror(errno))). Install it again.")
        }
    }

    private func current() throws -> String? {
        guard FileManager.default.fileExists(atPath: pointer.path) else { return nil }
        let digest = String(decoding: try Data(contentsOf: pointer), as: UTF8.self)
        return isSha256(digest) && FileManager.default.fileExists(atPath: place(of: digest).path) ? digest : nil
    }

    private func removeAll(but digest: String?) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.path)
        where name != digest && name != pointer.lastPathComponent {
            try FileManager.default.removeItem(at: place(of: name))
        }
    }

    private func place(of name: String) -> URL {
        folder.appendingPathComponent(name)
    }
}
