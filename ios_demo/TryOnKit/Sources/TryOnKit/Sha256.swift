import Foundation

#if canImport(CryptoKit)
import CryptoKit

/// SHA-256 by CryptoKit, on Apple's systems.
struct Sha256 {
    private var hash = SHA256()

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        hash.update(bufferPointer: bytes)
    }

    /// 64 lower-case hexadecimal digits.
    func digest() -> String {
        hash.finalize().map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}
#else
/// SHA-256 as FIPS 180-4 defines it, where CryptoKit cannot be imported: the kit's tests run on Linux.
struct Sha256 {
    private var state: [UInt32] = [
        0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19,
    ]
    private var waiting: [UInt8] = []
    private var length: UInt64 = 0

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        length += UInt64(bytes.count)
        var place = 0
        if !waiting.isEmpty {
            place = min(64 - waiting.count, bytes.count)
            waiting += bytes[..<place]
            guard waiting.count == 64 else { return }
            waiting.withUnsafeBytes { Self.compress($0, into: &state) }
            waiting.removeAll(keepingCapacity: true)
        }
        while bytes.count - place >= 64 {
            Self.compress(UnsafeRawBufferPointer(rebasing: bytes[place..<place + 64]), into: &state)
            place += 64
        }
        waiting += bytes[place...]
    }

    func digest() -> String {
        var last = self
        let bits = length * 8
        let zeros = (119 - waiting.count) % 64
        let length = (0..<8).map { UInt8(truncatingIfNeeded: bits >> (56 - 8 * $0)) }
        let padding = [0x80] + [UInt8](repeating: 0, count: zeros) + length
        padding.withUnsafeBytes { last.update($0) }
        return last.state.map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }.joined()
    }

    private static func compress(_ block: UnsafeRawBufferPointer, into state: inout [UInt32]) {
        withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { words in
            for index in 0..<16 {
                words[index] = UInt32(bigEndian: block.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self))
            }
            for index in 16..<64 {
                let early = words[index - 15], late = words[index - 2]
                let small0 = turned(early, 7) ^ turned(early, 18) ^ (early >> 3)
                let small1 = turned(late, 17) ^ turned(late, 19) ^ (late >> 10)
                words[index] = words[index - 16] &+ small0 &+ words[index - 7] &+ small1
            }
            var (a, b, c, d) = (state[0], state[1], state[2], state[3])
            var (e, f, g, h) = (state[4], state[5], state[6], state[7])
            constants.withUnsafeBufferPointer { constants in
                for index in 0..<64 {
                    let big1 = turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)
                    let choice = (e & f) ^ (~e & g)
                    let first = h &+ big1 &+ choice &+ constants[index] &+ words[index]
                    let big0 = turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)
                    let majority = (a & b) ^ (a & c) ^ (b & c)
                    (h, g, f, e) = (g, f, e, d &+ first)
                    (d, c, b, a) = (c, b, a, first &+ big0 &+ majority)
                }
            }
            for (index, word) in [a, b, c, d, e, f, g, h].enumerated() {
                state[index] &+= word
            }
        }
    }

    @inline(__always)
    private static func turned(_ word: UInt32, _ bits: UInt32) -> UInt32 {
        word >> bits | word << (32 - bits)
    }

    /// The first 32 bits of the fractions of the cube roots of the first 64 primes.
    private static let constants: [UInt32] = [
        0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5, 0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5,
        0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3, 0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174,
        0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc, 0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da,
        0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7, 0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967,
        0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13, 0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85,
        0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3, 0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070,
        0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5, 0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3,
        0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208, 0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2,
    ]
}
#endif

extension Sha256 {
    /// The digest of data: 64 lower-case hexadecimal digits.
    static func digest(_ data: Data) -> String {
        var hash = Sha256()
        data.withUnsafeBytes { hash.update($0) }
        return hash.digest()
    }

    /// Of a file's content. Throws where it cannot be read.
    static func digest(ofFile url: URL) throws -> String {
        let file = try FileHandle(forReadingFrom: url)
        defer { try? file.close() }
        var hash = Sha256()
        while let chunk = try file.read(upToCount: 1 << 20), !chunk.isEmpty {
            chunk.withUnsafeBytes { hash.update($0) }
        }
        return hash.digest()
    }
}
