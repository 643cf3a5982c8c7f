extension Pixels {
    /// A picture or mask [1, C, H, W] in [0, 1], in whole steps of 1/255: what a pixel buffer holds of it.
    public init(picture: Tensor) {
        let channels = picture.shape[1]
        let plane = picture.shape[2] * picture.shape[3]
        let values = picture.values
        let bytes = [UInt8](unsafeUninitializedCapacity: values.count) { made, count in
            for pixel in 0..<plane {
                for channel in 0..<channels {
                    let value = (values[channel * plane + pixel] * 255).rounded(.toNearestOrEven)
                    made[pixel * channels + channel] = value > 0 ? UInt8(min(value, 255)) : 0
                }
            }
            count = values.count
        }
        self.init(height: picture.shape[2], width: picture.shape[3], channels: channels, bytes: bytes)
    }

    /// Resized by the triangle filter, horizontally, then vertically; an axis that keeps its length is left as it is.
    func resized(to size: Size) -> Pixels {
        var bytes = bytes
        if size.width != width {
            bytes = AxisFilter.triangle(from: width, to: size.width).apply(to: bytes, outer: height, inner: channels)
        }
        if size.height != height {
            let filter = AxisFilter.triangle(from: height, to: size.height)
            bytes = filter.apply(to: bytes, outer: 1, inner: size.width * channels)
        }
        return Pixels(height: size.height, width: size.width, channels: channels, bytes: bytes)
    }

    /// What the network is fed: the window alone, resized, in [0, 1], NCHW: [1, 3, h, w] of a picture, [1, 1, h, w] of
    /// a mask.
    public func networkInput(of window: Window, size: Size) -> Tensor {
        let resized = window.cut(self).resized(to: size).bytes
        let plane = size.height * size.width
        let values = [Float](unsafeUninitializedCapacity: resized.count) { made, count in
            for pixel in 0..<plane {
                for channel in 0..<channels {
                    made[channel * plane + pixel] = Float(resized[pixel * channels + channel]) / 255
                }
            }
            count = resized.count
        }
        return Tensor(shape: [1, channels, size.height, size.width], values: values)
    }
}
