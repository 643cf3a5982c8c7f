import AVFoundation
import TryOnKit

/// The camera's frames, upright, one at a time: those that come while one is worked on are dropped.
final class Camera: NSObject, AVCaptureVideoDataOutputSampleBufferDelegate, @unchecked Sendable {
    private let session = AVCaptureSession()
    private let output = AVCaptureVideoDataOutput()
    private let queue = DispatchQueue(label: "org.dmvton.demo.frames", qos: .userInteractive)
    private let onFrame: @Sendable (Result<Pixels, Error>) -> Void
    private var isMirrored = false

    /// onFrame: on the frames' own queue.
    init(onFrame: @escaping @Sendable (Result<Pixels, Error>) -> Void) {
        self.onFrame = onFrame
        super.init()
        output.alwaysDiscardsLateVideoFrames = true
        output.videoSettings = [kCVPixelBufferPixelFormatTypeKey as String: kCVPixelFormatType_32BGRA]
        output.setSampleBufferDelegate(self, queue: queue)
    }

    /// Throws TryOnError where there is no such camera, or it may not be used.
    func start(_ position: AVCaptureDevice.Position) async throws {
        guard await AVCaptureDevice.requestAccess(for: .video) else {
            throw TryOnError("This app may not use the camera. Allow it in Settings.")
        }
        guard let device = AVCaptureDevice.default(.builtInWideAngleCamera, for: .video, position: position) else {
            throw TryOnError("This device has no such camera. Choose a photo instead.")
        }
        let input = try AVCaptureDeviceInput(device: device)
        try queue.sync { try configure(input, isMirrored: position == .front) }
    }

    func stop() {
        queue.async { self.session.stopRunning() }
    }

    private func configure(_ input: AVCaptureDeviceInput, isMirrored: Bool) throws {
        session.beginConfiguration()
        session.inputs.forEach(session.removeInput)
        session.sessionPreset = .hd1280x720
        guard session.canAddInput(input) else {
            session.commitConfiguration()
            throw TryOnError("The camera is in use elsewhere. Close the other app.")
        }
        session.addInput(input)
        if session.outputs.isEmpty { session.addOutput(output) }
        if let connection = output.connection(with: .video) {
            connection.videoOrientation = .portrait
            connection.automaticallyAdjustsVideoMirroring = false
            connection.isVideoMirrored = false
        }
        self.isMirrored = isMirrored
        session.commitConfiguration()
        session.startRunning()
    }

    func captureOutput(_ output: AVCaptureOutput, didOutput sample: CMSampleBuffer, from connection: AVCaptureConnection) {
        guard let buffer = CMSampleBufferGetImageBuffer(sample) else { return }
        onFrame(Result { try Pixels(buffer).upright(degrees: 0, mirrored: isMirrored) })
    }
}
