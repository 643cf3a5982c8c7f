/// Float32 values, the last dimension first in memory.
public struct Tensor: Equatable, Sendable {
    public let shape: [Int]
    public let values: [Float]

    /// Traps unless there are as many values as the shape says.
    public init(shape: [Int], values: [Float]) {
        precondition(shape.reduce(1, *) == values.count, "\(values.count) values for the shape \(shape)")
        self.shape = shape
        self.values = values
    }

    var isFinite: Bool { values.allSatisfy(\.isFinite) }
}

extension TensorContract {
    /// NCHW -> as the artifact holds it. Throws TryOnError for another shape than the contract's.
    func held(_ tensor: Tensor) throws -> Tensor {
        guard tensor.shape == nchwShape else {
            throw TryOnError("\(name) is taken as \(nchwShape) (NCHW); this one is \(tensor.shape).")
        }
        return layout == .nchw ? tensor : exchanged(tensor, rows: nchwShape[1], columns: nchwShape[2] * nchwShape[3], as: shape)
    }

    /// As the artifact gave it -> NCHW. Throws TryOnError for another shape than the contract's.
    func nchw(_ held: Tensor) throws -> Tensor {
        guard held.shape == shape else {
            throw TryOnError("\(name) is given as \(shape) by its contract; the artifact gave \(held.shape).")
        }
        return layout == .nchw ? held : exchanged(held, rows: shape[1] * shape[2], columns: shape[3], as: nchwShape)
    }

    /// Rows and columns of every item of the batch, exchanged.
    private func exchanged(_ tensor: Tensor, rows: Int, columns: Int, as shape: [Int]) -> Tensor {
        let values = tensor.values
        let exchanged = [Float](unsafeUninitializedCapacity: values.count) { made, count in
            for item in 0..<shape[0] {
                let first = item * rows * columns
                for row in 0..<rows {
                    for column in 0..<columns {
                        made[first + column * rows + row] = values[first + row * columns + column]
                    }
                }
            }
            count = values.count
        }
        return Tensor(shape: shape, values: exchanged)
    }
}
