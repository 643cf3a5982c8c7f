/// How one axis of pixels is resampled to another number of them.
struct AxisFilter {
    /// One pixel of the result: which pixels count, and where its share of each is in `weights`.
    struct Output {
        let first: Int
        let shares: Range<Int>
    }

    let input: Int
    let outputs: [Output]
    /// Of all outputs, one after the other; an output's sum to 1.
    let weights: [Double]

    /// support: beyond this distance the kernel is 0.
    init(from input: Int, to output: Int, support: Double, kernel: (Double) -> Double) {
        let scale = Double(input) / Double(output)
        let stretch = max(1, scale)
        let reach = support * stretch
        var outputs: [Output] = []
        var weights: [Double] = []
        for index in 0..<output {
            let centre = (Double(index) + 0.5) * scale
            let first = max(0, Int(centre - reach + 0.5))
            let last = min(input, Int(centre + reach + 0.5))
            let shares = (first..<last).map { kernel((Double($0) - centre + 0.5) / stretch) }
            let sum = shares.reduce(0, +)
            outputs.append(Output(first: first, shares: weights.count..<weights.count + shares.count))
            weights += shares.map { $0 / sum }
        }
        self.input = input
        self.outputs = outputs
        self.weights = weights
    }

    /// Bilinear, stretched where it reduces.
    static func triangle(from input: Int, to output: Int) -> AxisFilter {
        AxisFilter(from: input, to: output, support: 1) { max(0, 1 - abs($0)) }
    }

    /// Catmull and Rom's cubic, stretched where it reduces.
    static func cubic(from input: Int, to output: Int) -> AxisFilter {
        AxisFilter(from: input, to: output, support: 2) { offset in
            let t = abs(offset)
            if t < 1 { return (1.5 * t - 2.5) * t * t + 1 }
            return t < 2 ? ((-0.5 * t + 2.5) * t - 4) * t + 2 : 0
        }
    }

    /// Bytes [outer, input, inner] -> [outer, output, inner], in fixed point of 22 bits, rounded to 8.
    func apply(to bytes: [UInt8], outer: Int, inner: Int) -> [UInt8] {
        let fixed = weights.map { Int32($0 * 4_194_304 + 0.5) }
        return fixed.withUnsafeBufferPointer { fixed in
            resampled(bytes, outer: outer, inner: inner) { source, start, shares in
                var sum: Int32 = 1 << 21  // at most 2^30 and a little: the weights' sum is 2^22
                var place = start
                for share in shares {
                    sum += Int32(source[place]) * fixed[share]
                    place += inner
                }
                return UInt8(min(max(sum >> 22, 0), 255))
            }
        }
    }

    /// Pixels [outer, input, inner] -> [outer, output, inner].
    func apply(to pixels: [SIMD4<Float>], outer: Int, inner: Int) -> [SIMD4<Float>] {
        let weights = weights.map(Float.init)
        return weights.withUnsafeBufferPointer { weights in
            resampled(pixels, outer: outer, inner: inner) { source, start, shares in
                var sum = SIMD4<Float>.zero
                var place = start
                for share in shares {
                    sum += source[place] * weights[share]
                    place += inner
                }
                return sum
            }
        }
    }

    /// sample: makes one, of the source, where the first sample that counts lies in it, and its shares.
    @inline(__always)
    private func resampled<Sample>(
        _ source: [Sample], outer: Int, inner: Int,
        sample: (UnsafeBufferPointer<Sample>, Int, Range<Int>) -> Sample
    ) -> [Sample] {
        source.withUnsafeBufferPointer { source in
            [Sample](unsafeUninitializedCapacity: outer * outputs.count * inner) { made, count in
                count = 0
                for block in 0..<outer {
                    for output in outputs {
                        let start = (block * input + output.first) * inner
                        for offset in 0..<inner {
                            made[count] = sample(source, start + offset, output.shares)
                            count += 1
                        }
                    }
                }
            }
        }
    }
}
