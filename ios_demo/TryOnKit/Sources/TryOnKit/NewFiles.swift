import Foundation

/// Writes the files of an installation into a folder. What is written is on the disk before anything refers to it.
struct NewFiles {
    /// Puts a piece of a file behind what it holds.
    typealias Write = (_ piece: Data, _ file: FileHandle) throws -> Void

    static let append: Write = { piece, file in try file.write(contentsOf: piece) }

    let folder: URL
    let write: Write

    /// One file, at a path where there is none. content: hands over its pieces. Throws what the disk says, and content.
    func add(_ path: String, _ content: (_ sink: (Data) throws -> Void) throws -> Void) throws {
        let place = folder.appendingPathComponent(path)
        let parent = place.deletingLastPathComponent()
        try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
        try Data().write(to: place, options: .withoutOverwriting)
        let file = try FileHandle(forWritingTo: place)
        defer { try? file.close() }
        try content { try write($0, file) }
        try file.synchronize()
    }

    /// A file's copy.
    func add(_ path: String, from source: URL) throws {
        let file = try FileHandle(forReadingFrom: source)
        defer { try? file.close() }
        try add(path) { sink in
            while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty { try sink(piece) }
        }
    }
}
