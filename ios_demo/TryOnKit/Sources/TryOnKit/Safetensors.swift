import Foundation

/// A file of named tensors: eight bytes of length, a JSON header, then the tensors, little endian.
struct Safetensors {
    struct Entry: Decodable {
        let dtype: String?  // none of what is no tensor: __metadata__
        let shape: [Int]?
        let dataOffsets: [Int]?
    }

    private let data: Data
    private let entries: [String: Entry]
    private let start: Int

    var names: [String] { entries.keys.sorted() }

    /// Throws TryOnError where the file is none.
    init(_ data: Data) throws {
        let data = Data(data)  // its indices begin at 0
        guard data.count >= 8 else { throw spoilt("it has no header") }
        let length = (0..<8).reduce(UInt64(0)) { $0 | UInt64(data[$1]) << (8 * UInt64($1)) }
        guard length <= UInt64(data.count - 8) else { throw spoilt("its header is cut short") }
        start = 8 + Int(length)
        do {
            let held = try jsonDecoder().decode([String: Entry].self, from: data[8..<start])
            entries = held.filter { $0.value.dtype != nil }
        } catch let error as DecodingError {
            throw spoilt(fault(error))
        }
        self.data = data
    }

    /// A tensor of float32. Throws TryOnError where there is none of that name and type.
    func floats(_ name: String) throws -> Tensor {
        let (shape, bytes) = try content(name, type: "F32", width: 4)
        let values = bytes.withUnsafeBytes { raw in
            (0..<bytes.count / 4).map { index in
                Float(bitPattern: UInt32(littleEndian: raw.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)))
            }
        }
        return Tensor(shape: shape, values: values)
    }

    /// A tensor of bytes, and its shape. Throws as `floats`.
    func bytes(_ name: String) throws -> (shape: [Int], bytes: [UInt8]) {
        let (shape, bytes) = try content(name, type: "U8", width: 1)
        return (shape, [UInt8](bytes))
    }

    private func content(_ name: String, type: String, width: Int) throws -> ([Int], Data) {
        guard let entry = entries[name] else { throw spoilt("it holds no \(name)") }
        guard entry.dtype == type, let shape = entry.shape, let offsets = entry.dataOffsets, offsets.count == 2 else {
            throw spoilt("\(name) is not \(type)")
        }
        let length = data.count - start
        guard
            0 <= offsets[0], offsets[0] <= offsets[1], offsets[1] <= length,
            shape.allSatisfy({ (0...length).contains($0) }),
            let bytes = product(shape + [width]), bytes == offsets[1] - offsets[0]
        else {
            throw spoilt("\(name) does not lie within it as its shape says")
        }
        return (shape, data[(start + offsets[0])..<(start + offsets[1])])
    }
}

/// nil where it is too large to be a number.
private func product(_ factors: [Int]) -> Int? {
    factors.reduce(1) { product, factor in
        guard let product else { return nil }
        let (value, overflow) = product.multipliedReportingOverflow(by: factor)
        return overflow ? nil : value
    }
}

private func spoilt(_ why: String) -> TryOnError {
    TryOnError("The file of tensors cannot be read: \(why). Install the bundle again.")
}
