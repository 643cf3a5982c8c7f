import CoreGraphics
import CoreVideo
import Foundation
import ImageIO
import TryOnKit
import Vision

extension Pixels {
    /// Of a camera's frame, kCVPixelFormatType_32BGRA.
    init(_ buffer: CVPixelBuffer) throws {
        CVPixelBufferLockBaseAddress(buffer, .readOnly)
        defer { CVPixelBufferUnlockBaseAddress(buffer, .readOnly) }
        let rowBytes = CVPixelBufferGetBytesPerRow(buffer), height = CVPixelBufferGetHeight(buffer)
        let bytes = UnsafeRawBufferPointer(start: CVPixelBufferGetBaseAddress(buffer), count: rowBytes * height)
        try self.init(bgra: bytes, rowBytes: rowBytes, height: height, width: CVPixelBufferGetWidth(buffer))
    }

    /// Of a picture, sRGB, colours as they are stored, and its alpha, 255 opaque. Throws TryOnError where it cannot be drawn.
    static func rgbAndAlpha(_ image: CGImage) throws -> (rgb: Pixels, alpha: Pixels) {
        let width = image.width, height = image.height
        var bytes = [UInt8](repeating: 0, count: 4 * width * height)
        let isDrawn = bytes.withUnsafeMutableBytes { bytes -> Bool in
            guard
                let space = CGColorSpace(name: CGColorSpace.sRGB),
                let context = CGContext(
                    data: bytes.baseAddress, width: width, height: height, bitsPerComponent: 8, bytesPerRow: 4 * width,
                    space: space, bitmapInfo: CGImageAlphaInfo.premultipliedLast.rawValue
                )
            else { return false }
            context.draw(image, in: CGRect(x: 0, y: 0, width: width, height: height))
            return true
        }
        guard isDrawn else { throw TryOnError("The picture cannot be drawn. Save it as JPEG or PNG.") }
        var rgb: [UInt8] = [], alpha: [UInt8] = []
        rgb.reserveCapacity(3 * width * height)
        alpha.reserveCapacity(width * height)
        for place in stride(from: 0, to: bytes.count, by: 4) {
            let covered = max(Int(bytes[place + 3]), 1)
            for channel in 0..<3 {
                rgb.append(UInt8(min(Int(bytes[place + channel]) * 255 / covered, 255)))
            }
            alpha.append(bytes[place + 3])
        }
        return (
            Pixels(height: height, width: width, channels: 3, bytes: rgb),
            Pixels(height: height, width: width, channels: 1, bytes: alpha)
        )
    }

    /// A picture of [H, W, 3] for the screen.
    func image() -> CGImage? {
        guard let provider = CGDataProvider(data: Data(bytes) as CFData), let space = CGColorSpace(name: CGColorSpace.sRGB)
        else { return nil }
        return CGImage(
            width: width, height: height, bitsPerComponent: 8, bitsPerPixel: 24, bytesPerRow: 3 * width, space: space,
            bitmapInfo: CGBitmapInfo(rawValue: CGImageAlphaInfo.none.rawValue), provider: provider, decode: nil,
            shouldInterpolate: true, intent: .defaultIntent
        )
    }
}

/// A picture file's first frame, upright. Throws TryOnError for what is none.
func readImage(_ data: Data) throws -> CGImage {
    let options: [CFString: Any] = [
        kCGImageSourceCreateThumbnailFromImageAlways: true, kCGImageSourceCreateThumbnailWithTransform: true,
        kCGImageSourceThumbnailMaxPixelSize: 4096,
    ]
    guard
        let source = CGImageSourceCreateWithData(data as CFData, nil),
        let image = CGImageSourceCreateThumbnailAtIndex(source, 0, options as CFDictionary)
    else { throw TryOnError("This is not a picture that can be read here. Save it as JPEG or PNG.") }
    return image
}

/// Where the garment is: its alpha, else what stands out from the background. Throws TryOnError where neither tells.
func garmentMask(_ image: CGImage, alpha: Pixels) throws -> Pixels {
    if alpha.bytes.contains(where: { $0 < 255 }) {
        return Pixels(height: alpha.height, width: alpha.width, channels: 1, bytes: alpha.bytes.map { $0 > 127 ? 255 : 0 })
    }
    guard #available(iOS 17, *) else {
        throw TryOnError("This garment's picture has no transparent background. Cut the garment out, or use iOS 17 or later.")
    }
    let handler = VNImageRequestHandler(cgImage: image)
    let request = VNGenerateForegroundInstanceMaskRequest()
    try handler.perform([request])
    guard let found = request.results?.first else {
        throw TryOnError("No garment stands out from this picture's background. Take it on a plain one.")
    }
    return try Pixels(coverage: found.generateScaledMaskForImage(forInstances: found.allInstances, from: handler))
}

extension Pixels {
    /// Of float32 coverage in [0, 1]: 255 above a half, else 0.
    fileprivate init(coverage buffer: CVPixelBuffer) throws {
        CVPixelBufferLockBaseAddress(buffer, .readOnly)
        defer { CVPixelBufferUnlockBaseAddress(buffer, .readOnly) }
        guard
            CVPixelBufferGetPixelFormatType(buffer) == kCVPixelFormatType_OneComponent32Float,
            let base = CVPixelBufferGetBaseAddress(buffer)
        else { throw TryOnError("The garment's mask cannot be read. Cut the garment out of its picture.") }
        let width = CVPixelBufferGetWidth(buffer), height = CVPixelBufferGetHeight(buffer)
        let rowBytes = CVPixelBufferGetBytesPerRow(buffer)
        let bytes = (0..<height).flatMap { row -> [UInt8] in
            let values = base.advanced(by: row * rowBytes).assumingMemoryBound(to: Float.self)
            return (0..<width).map { values[$0] > 0.5 ? 255 : 0 }
        }
        self.init(height: height, width: width, channels: 1, bytes: bytes)
    }
}
