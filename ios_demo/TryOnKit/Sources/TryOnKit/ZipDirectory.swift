import Foundation

/// The central directory of a zip; nothing is unpacked here.
struct ZipDirectory {
    struct Entry {
        let name: String
        let flags: Int
        let method: Int
        let crc32: UInt32
        let packedBytes: Int
        let bytes: Int
        /// The upper half of the external attributes: a Unix file's mode.
        let mode: Int
        /// Where its local header begins.
        let offset: Int

        var isFolder: Bool { name.hasSuffix("/") }
    }

    let data: Data
    let entries: [Entry]

    private static let endSignature = 0x0605_4b50
    private static let entrySignature = 0x0201_4b50
    private static let localSignature = 0x0403_4b50

    /// most: entries that are read. Throws BundleRefusal where there is no directory, or one that is cut short.
    init(_ data: Data, most: Int) throws {
        guard let end = Self.end(of: data) else {
            throw damaged("it is cut short, or not a zip")
        }
        let length = data.number(at: end + 12, bytes: 4)
        let first = data.number(at: end + 16, bytes: 4)
        guard first + length <= end else {
            throw damaged("its directory does not lie within it, or it is larger than 4 GB")
        }
        var entries: [Entry] = []
        var place = first
        while place < first + length {
            guard entries.count < most else {
                throw BundleRefusal(.unsafe, "The zip holds more than \(most) files: a bundle does not.")
            }
            guard place + 46 <= first + length, data.number(at: place, bytes: 4) == Self.entrySignature else {
                throw damaged("its directory is spoilt")
            }
            let lengths = [28, 30, 32].map { data.number(at: place + $0, bytes: 2) }
            let next = place + 46 + lengths.reduce(0, +)
            guard next <= first + length else { throw damaged("its directory is cut short") }
            let name = data.bytes(at: place + 46, count: lengths[0])
            entries.append(
                Entry(
                    name: String(decoding: name, as: UTF8.self),
                    flags: data.number(at: place + 8, bytes: 2),
                    method: data.number(at: place + 10, bytes: 2),
                    crc32: UInt32(data.number(at: place + 16, bytes: 4)),
                    packedBytes: data.number(at: place + 20, bytes: 4),
                    bytes: data.number(at: place + 24, bytes: 4),
                    mode: data.number(at: place + 40, bytes: 2),
                    offset: data.number(at: place + 42, bytes: 4)
                )
            )
            place = next
        }
        guard entries.count == data.number(at: end + 10, bytes: 2) else { throw damaged("its directory is cut short") }
        self.data = data
        self.entries = entries
    }

    /// An entry's bytes as they are packed. Throws BundleRefusal where the zip does not hold them.
    func packed(_ entry: Entry) throws -> Data {
        guard entry.offset + 30 <= data.count, data.number(at: entry.offset, bytes: 4) == Self.localSignature else {
            throw damaged("\(entry.name) is not where its directory says")
        }
        let lengths = [26, 28].map { data.number(at: entry.offset + $0, bytes: 2) }
        let start = entry.offset + 30 + lengths.reduce(0, +)
        guard start + entry.packedBytes <= data.count else { throw damaged("\(entry.name) is cut short") }
        return data.bytes(at: start, count: entry.packedBytes)
    }

    /// Where the record that ends a zip begins: its comment reaches to the end.
    private static func end(of data: Data) -> Int? {
        let last = data.count - 22
        guard last >= 0 else { return nil }
        return stride(from: last, through: max(0, last - 0xffff), by: -1).first { place in
            data.number(at: place, bytes: 4) == endSignature
                && place + 22 + data.number(at: place + 20, bytes: 2) == data.count
        }
    }
}

func damaged(_ why: String) -> BundleRefusal {
    BundleRefusal(.damaged, "The zip is damaged: \(why). Download it again.")
}

extension Data {
    /// Little endian, from the first byte on.
    fileprivate func number(at place: Int, bytes count: Int) -> Int {
        (0..<count).reduce(0) { $0 | Int(self[startIndex + place + $1]) << (8 * $1) }
    }

    fileprivate func bytes(at place: Int, count: Int) -> Data {
        self[startIndex + place..<startIndex + place + count]
    }
}
