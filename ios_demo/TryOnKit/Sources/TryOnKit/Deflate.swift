import CZlib
import Foundation

/// zlib, as far as bundles need it.
enum Deflate {
    struct Spoilt: Error {}

    /// Unpacks raw deflate, piece by piece. Throws Spoilt for what is none or is cut short, and whatever sink throws.
    static func inflate(_ packed: Data, into sink: (UnsafeRawBufferPointer) throws -> Void) throws {
        var stream = z_stream()
        let size = Int32(MemoryLayout<z_stream>.size)
        guard inflateInit2_(&stream, -MAX_WBITS, ZLIB_VERSION, size) == Z_OK else { throw Spoilt() }
        defer { inflateEnd(&stream) }
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        try packed.withUnsafeBytes { (source: UnsafeRawBufferPointer) in
            let bytes = source.bindMemory(to: UInt8.self)
            stream.next_in = UnsafeMutablePointer(mutating: bytes.baseAddress)  // zlib does not write there
            stream.avail_in = UInt32(bytes.count)
            var status = Z_OK
            while status == Z_OK {
                try piece.withUnsafeMutableBytes { room in
                    stream.next_out = room.bindMemory(to: UInt8.self).baseAddress
                    stream.avail_out = UInt32(room.count)
                    status = CZlib.inflate(&stream, Z_NO_FLUSH)
                    try sink(UnsafeRawBufferPointer(rebasing: room[..<(room.count - Int(stream.avail_out))]))
                }
            }
            guard status == Z_STREAM_END, stream.avail_in == 0 else { throw Spoilt() }
        }
    }

    /// How many bytes the data deflates to, at zlib's best.
    static func packedBytes(_ data: Data) -> Int {
        var length = compressBound(uLong(data.count))
        var packed = [UInt8](repeating: 0, count: Int(length))
        let status = data.withUnsafeBytes {
            compress2(&packed, &length, $0.bindMemory(to: UInt8.self).baseAddress, uLong(data.count), Z_BEST_COMPRESSION)
        }
        precondition(status == Z_OK, "compressBound was not enough")
        return Int(length)
    }

    /// CRC-32 of what came before, continued.
    static func crc32(_ before: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
        UInt32(CZlib.crc32(uLong(before), bytes.bindMemory(to: UInt8.self).baseAddress, UInt32(bytes.count)))
    }
}
