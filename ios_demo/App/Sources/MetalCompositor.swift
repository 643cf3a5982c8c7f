import Metal
import TryOnKit

/// Paints frames on the GPU, with the kernel of `Composite.metal`. Its buffers stay from one frame to the next.
final class MetalCompositor: Compositor {
    let name = "Metal"
    private let device: MTLDevice
    private let queue: MTLCommandQueue
    private let kernel: MTLComputePipelineState
    private var maps: MTLBuffer?
    private var texture: MTLBuffer?
    private var picture: MTLBuffer?
    private var held: GarmentTexture?

    /// Throws TryOnError where the app was built without its kernel.
    init(_ device: MTLDevice) throws {
        guard
            let queue = device.makeCommandQueue(),
            let function = device.makeDefaultLibrary()?.makeFunction(name: "composite")
        else { throw TryOnError("The GPU has no kernel to compose with. Add Composite.metal to the app's target.") }
        self.device = device
        self.queue = queue
        kernel = try device.makeComputePipelineState(function: function)
    }

    func paint(_ blend: Blend, on photo: Pixels) throws -> Pixels {
        try fill(&maps, with: blend.maps.pixels)
        if held != blend.texture {
            held = nil
            try fill(&texture, with: blend.texture.pixels)
            held = blend.texture
        }
        try fill(&picture, with: photo.bytes)
        guard
            let picture, let commands = queue.makeCommandBuffer(), let encoder = commands.makeComputeCommandEncoder()
        else { throw TryOnError("The GPU takes no work now. Close other apps and try again.") }
        encoder.setComputePipelineState(kernel)
        withUnsafeBytes(of: blend.constants) { bytes in
            if let base = bytes.baseAddress { encoder.setBytes(base, length: bytes.count, index: 0) }
        }
        for (index, buffer) in [maps, texture, picture].enumerated() {
            encoder.setBuffer(buffer, offset: 0, index: index + 1)
        }
        let width = kernel.threadExecutionWidth, height = kernel.maxTotalThreadsPerThreadgroup / width
        // Whole groups, which every GPU takes; the kernel leaves what is outside the window
        let groups = MTLSize(
            width: (blend.window.width + width - 1) / width, height: (blend.window.height + height - 1) / height, depth: 1
        )
        encoder.dispatchThreadgroups(groups, threadsPerThreadgroup: MTLSize(width: width, height: height, depth: 1))
        encoder.endEncoding()
        commands.commit()
        commands.waitUntilCompleted()
        if let error = commands.error {
            throw TryOnError("The GPU did not finish a picture: \(error.localizedDescription). Try again.")
        }
        let bytes = UnsafeRawBufferPointer(start: picture.contents(), count: photo.bytes.count)
        return Pixels(height: photo.height, width: photo.width, channels: 3, bytes: [UInt8](bytes))
    }

    /// Copies into a buffer, a new one where it is too small.
    private func fill<Element>(_ buffer: inout MTLBuffer?, with elements: [Element]) throws {
        try elements.withUnsafeBytes { bytes in
            if buffer.map({ $0.length < bytes.count }) ?? true {
                buffer = device.makeBuffer(length: bytes.count, options: .storageModeShared)
            }
            guard let buffer, let base = bytes.baseAddress else {
                throw TryOnError("The GPU has no \(bytes.count) bytes left. Close other apps, or use a smaller picture.")
            }
            buffer.contents().copyMemory(from: base, byteCount: bytes.count)
        }
    }
}

/// The GPU's; the CPU's where there is no GPU, as in some simulators: its `name` tells which it is.
func makeCompositor() throws -> Compositor {
    guard let device = MTLCreateSystemDefaultDevice() else { return CPUCompositor() }
    return try MetalCompositor(device)
}
