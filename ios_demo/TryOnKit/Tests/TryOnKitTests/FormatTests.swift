import Foundation
import Testing

@testable import TryOnKit

// Known answers of FIPS 180-4's examples; the last crosses blocks.
@Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
    ),
])
func knownDigests(_ text: String, _ digest: String) {
    #expect(Sha256.digest(Data(text.utf8)) == digest)
}

@Test func aMillionLettersInUnevenPieces() {
    var hash = Sha256()
    var left = 1_000_000
    for piece in sequence(first: 1, next: { $0 % 9_973 + 331 }) where left > 0 {
        let count = min(piece, left)
        [UInt8](repeating: UInt8(ascii: "a"), count: count).withUnsafeBytes { hash.update($0) }
        left -= count
        if left == 0 { break }
    }
    #expect(hash.digest() == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
}

@Test func tensorsComeBack() throws {
    let tensor = Tensor(shape: [1, 2, 1, 3], values: [0, -1.5, .pi, 1e-30, .greatestFiniteMagnitude, 7])
    let file = try Safetensors(TestBundle.safetensors(["a": tensor]))
    #expect(file.names == ["a"])
    #expect(try file.floats("a") == tensor)
    #expect(throws: TryOnError.self) { try file.floats("b") }
    #expect(throws: TryOnError.self) { try file.bytes("a") }
}

@Test(arguments: Vectors.cases.tensorFiles)
func filesOfTensors(_ of: Cases.TensorFileCase) throws {
    func read() throws -> Tensor { try Safetensors(of.base64).floats("a") }
    if let shape = of.shape, let values = of.values {
        #expect(try read() == Tensor(shape: shape, values: values))
    } else {
        #expect(throws: TryOnError.self) { try read() }
    }
}

@Test func layoutsGoThereAndBack() throws {
    let contract = TensorContract(name: "t", kind: .rgb, layout: .nhwc, shape: [1, 2, 2, 3])
    let nchw = Tensor(shape: [1, 3, 2, 2], values: (0..<12).map(Float.init))
    let held = try contract.held(nchw)
    #expect(held.shape == contract.shape)
    #expect(held.values == [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])
    #expect(try contract.nchw(held) == nchw)
    #expect(throws: TryOnError.self) { try contract.held(held) }
    #expect(throws: TryOnError.self) { try contract.nchw(nchw) }
}
