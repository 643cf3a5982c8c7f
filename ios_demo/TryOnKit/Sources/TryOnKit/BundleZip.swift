import Foundation

/// A bundle's zip that is safe to unpack: paths, kinds, sizes and the manifest's list were checked.
struct BundleZip {
    static let mostEntries = 10_000
    static let mostTimes = 100  // bytes unpacked per byte of zip; weights stay far below

    private let directory: ZipDirectory
    /// By their path in the bundle.
    private let files: [String: ZipDirectory.Entry]

    /// Throws BundleRefusal for the first fault of docs/app-contract.md, section 1; nothing is written.
    init(_ url: URL) throws {
        let data = try Data(contentsOf: url, options: .mappedIfSafe)
        directory = try ZipDirectory(data, most: Self.mostEntries)
        try Self.requireSafe(directory.entries, zipBytes: data.count)
        files = try Self.inBundle(directory.entries.filter { !$0.isFolder })
        for name in [Manifest.name, Manifest.signature] {
            guard files[name]?.bytes ?? 0 <= Manifest.mostBytes else {
                throw BundleRefusal(.unsafe, "\(name) would unpack to more than \(Manifest.mostBytes) bytes.")
            }
        }
        try requireListed(by: Manifest(content(of: Manifest.name)))
    }

    /// Throws BundleRefusal for a damaged one, and what the disk says; then a part is written.
    func unpack(into new: NewFiles) throws {
        for (path, entry) in files.sorted(by: { $0.key < $1.key }) {
            try new.add(path) { sink in try unpack(entry) { try sink(Data($0)) } }
        }
    }

    private func content(of path: String) throws -> Data {
        var content = Data()
        if let entry = files[path] {
            try unpack(entry) { content.append(contentsOf: $0) }
        }
        return content
    }

    /// Stops at the first byte more than the directory says.
    private func unpack(_ entry: ZipDirectory.Entry, into sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        var bytes = 0
        var crc: UInt32 = 0
        func take(_ piece: UnsafeRawBufferPointer) throws {
            bytes += piece.count
            guard bytes <= entry.bytes else { throw damaged("\(entry.name) unpacks to more bytes than it says") }
            guard !piece.isEmpty else { return }
            crc = Deflate.crc32(crc, piece)
            try sink(piece)
        }
        let packed = try directory.packed(entry)
        do {
            if entry.method == 0 {
                try packed.withUnsafeBytes(take)
            } else {
                try Deflate.inflate(packed, into: take)
            }
        } catch is Deflate.Spoilt {
            throw damaged("\(entry.name) does not unpack")
        }
        guard bytes == entry.bytes, crc == entry.crc32 else { throw damaged("\(entry.name) is spoilt") }
    }

    private static func requireSafe(_ entries: [ZipDirectory.Entry], zipBytes: Int) throws {
        for entry in entries {
            if let fault = fault(of: entry) {
                throw BundleRefusal(.unsafe, "The zip is refused: \(entry.name.debugDescription) \(fault).")
            }
        }
        if let twin = firstTwin(of: entries.map(\.name)) {
            throw BundleRefusal(.unsafe, "The zip is refused: \(twin) is there twice where case does not count.")
        }
        let total = entries.reduce(0) { $0 + $1.bytes }
        guard total <= mostTimes * zipBytes else {
            throw BundleRefusal(.unsafe, "The zip is refused: it would unpack to \(total) bytes, which is no bundle's ratio.")
        }
    }

    private static func fault(of entry: ZipDirectory.Entry) -> String? {
        let kind = entry.mode & 0o170000
        if !isPlainPath(entry.isFolder ? String(entry.name.dropLast()) : entry.name) { return "is no plain path" }
        if ![0, 0o100000, 0o040000].contains(kind) { return "is a link or a special file" }
        if entry.flags & 1 != 0 { return "is encrypted" }
        return [0, 8].contains(entry.method) ? nil : "is packed in a way that phones do not unpack"
    }

    /// Without the one folder that may hold everything.
    private static func inBundle(_ files: [ZipDirectory.Entry]) throws -> [String: ZipDirectory.Entry] {
        let first = files.first?.name ?? ""
        let top = first.firstIndex(of: "/").map { String(first[...$0]) } ?? ""
        let isAtTop = files.contains { $0.name == Manifest.name }
        let dropped = !isAtTop && files.allSatisfy { $0.name.hasPrefix(top) } ? top.count : 0
        let named = Dictionary(uniqueKeysWithValues: files.map { (String($0.name.dropFirst(dropped)), $0) })
        guard named[Manifest.name] != nil else {
            throw BundleRefusal(.noManifest, "The zip is not a bundle's: it holds no \(Manifest.name).")
        }
        return named
    }

    private func requireListed(by manifest: Manifest) throws {
        for (path, entry) in files where path != Manifest.name && path != Manifest.signature {
            guard let record = manifest.files[path] else {
                throw BundleRefusal(.unlisted, "The zip is refused: \(path) is not listed in the manifest.")
            }
            guard entry.bytes == record.bytes else {
                throw BundleRefusal(
                    .changed, "The zip is refused: \(path) has \(entry.bytes) bytes, the manifest says \(record.bytes)."
                )
            }
        }
    }
}
