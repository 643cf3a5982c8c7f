import CZlib
import Foundation

@testable import TryOnKit

/// Makes zips that say what they are told to say.
struct ZipMaker {
    enum Method: Int {
        case stored = 0
        case deflated = 8
    }

    private var files = Data()
    private var directory = Data()
    private var count = 0

    /// saying: the size that the central directory gives.
    mutating func add(_ name: String, _ content: Data, _ method: Method, saying bytes: Int) {
        let packed = method == .stored ? Data(content) : Self.deflated(Data(content))
        let crc = Data(content).withUnsafeBytes { Deflate.crc32(0, $0) }
        let common = numbers(
            (20, 2), (0, 2), (method.rawValue, 2), (0, 4), (Int(crc), 4), (packed.count, 4), (bytes, 4),
            (name.utf8.count, 2), (0, 2)
        )
        directory += numbers((0x0201_4b50, 4), (20, 2)) + common
        directory += numbers((0, 6), (0, 4), (files.count, 4)) + Data(name.utf8)
        files += numbers((0x0403_4b50, 4)) + common
        files += Data(name.utf8) + packed
        count += 1
    }

    func zip() -> Data {
        files + directory + numbers(
            (0x0605_4b50, 4), (0, 4), (count, 2), (count, 2), (directory.count, 4), (files.count, 4), (0, 2)
        )
    }

    /// Little endian, each in so many bytes.
    private func numbers(_ all: (value: Int, bytes: Int)...) -> Data {
        Data(all.flatMap { value, bytes in (0..<bytes).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } })
    }

    /// zlib's stream without its two bytes before and four after.
    private static func deflated(_ content: Data) -> Data {
        var length = compressBound(uLong(content.count))
        var packed = [UInt8](repeating: 0, count: Int(length))
        compress2(&packed, &length, [UInt8](content), uLong(content.count), 9)
        return Data(packed[2..<Int(length) - 4])
    }
}
