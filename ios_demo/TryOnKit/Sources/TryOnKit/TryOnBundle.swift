import Foundation

/// A bundle's folder, every byte of it checked, and its manifest.
public struct TryOnBundle: Sendable {
    public let folder: URL
    public let manifest: Manifest
    /// Whether somebody signed it. Whose signature it is, and whether it is right, `dmvton verify` checks.
    public let isSigned: Bool

    /// Throws BundleRefusal for the first fault of docs/app-contract.md, section 1.
    public init(verifying folder: URL) throws {
        let files = try FolderFiles(of: folder)
        guard let manifest = files.sizes[Manifest.name] else {
            throw BundleRefusal(.noManifest, "\(folder.lastPathComponent) is not a bundle: it holds no \(Manifest.name).")
        }
        guard manifest <= Manifest.mostBytes else {
            throw BundleRefusal(.tooLarge, "\(Manifest.name) has \(manifest) bytes; at most \(Manifest.mostBytes) are read.")
        }
        self.folder = folder
        self.manifest = try Manifest(Data(contentsOf: folder.appendingPathComponent(Manifest.name)))
        isSigned = files.sizes[Manifest.signature] != nil
        try files.require(self.manifest.files)
    }

    /// Where an artifact lies.
    public func place(of artifact: Manifest.Artifact) -> URL {
        folder.appendingPathComponent(artifact.path)
    }
}

/// What lies in a folder: files by their path in it, with their sizes, and what is no file.
private struct FolderFiles {
    let folder: URL
    private(set) var sizes: [String: Int] = [:]
    private var links: [String] = []
    private var others: [String] = []

    init(of folder: URL) throws {
        self.folder = folder
        try walk("")
    }

    private mutating func walk(_ inside: String) throws {
        let place = folder.appendingPathComponent(inside)
        for name in try FileManager.default.contentsOfDirectory(atPath: place.path).sorted() {
            let path = inside.isEmpty ? name : "\(inside)/\(name)"
            // Of the link itself, where it is one
            let found = try FileManager.default.attributesOfItem(atPath: folder.appendingPathComponent(path).path)
            switch found[.type] as? FileAttributeType {
            case .typeRegular: sizes[path] = (found[.size] as? NSNumber)?.intValue
            case .typeDirectory: try walk(path)
            case .typeSymbolicLink: links.append(path)
            default: others.append(path)
            }
        }
    }

    /// Throws BundleRefusal unless these files are there as they were sealed, and nothing else.
    func require(_ listed: [String: Manifest.FileRecord]) throws {
        if let link = links.first {
            throw BundleRefusal(.link, "\(link) is a link; a bundle holds none. Install it again.")
        }
        let known = [Manifest.name, Manifest.signature]
        if let path = (sizes.keys.sorted() + others).first(where: { listed[$0] == nil && !known.contains($0) }) {
            throw BundleRefusal(.unlisted, "\(path.debugDescription) is not listed in the manifest. Install the bundle again.")
        }
        for (path, record) in listed.sorted(by: { $0.key < $1.key }) {
            guard let size = sizes[path] else {
                throw BundleRefusal(.missing, "\(path) is missing. Install the bundle again.")
            }
            let file = folder.appendingPathComponent(path)
            guard size == record.bytes, try Sha256.digest(ofFile: file) == record.sha256 else {
                throw BundleRefusal(.changed, "\(path) is not what was sealed. Install the bundle again.")
            }
        }
    }
}
