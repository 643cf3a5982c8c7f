import AVFoundation
import CoreML
import SwiftUI
import TryOnKit

/// What the screen shows, and what its buttons do. Frames are made on the camera's queue, garments on another.
@MainActor
final class TryOnModel: ObservableObject {
    @Published private(set) var picture: CGImage?
    @Published private(set) var frameMs: Double?
    @Published private(set) var garments: [Garment] = []
    @Published private(set) var worn: Garment.ID?
    @Published private(set) var bundle: TryOnBundle?
    @Published private(set) var progress: String?
    @Published private(set) var isLive = false
    @Published var problem: String?
    @Published var units = MLComputeUnits.all { didSet { if units != oldValue { load() } } }
    @Published var precision = Precision.fp16 { didSet { if precision != oldValue { load() } } }

    /// What composes the frames now.
    var compositor: String? { current.fitting?.tryOn.compositor.name }

    private var position = AVCaptureDevice.Position.back
    private var photo: Pixels?
    private let work = DispatchQueue(label: "org.dmvton.demo.garments", qos: .userInitiated)
    private let current = Current()
    private lazy var camera = Camera { [weak self, current] frame in
        let clock = SystemClock()
        let started = clock.seconds
        let made = Result { () -> Pixels in
            let photo = try frame.get()
            return try current.fitting?.dress(photo) ?? photo
        }
        let taken = (clock.seconds - started) * 1e3
        DispatchQueue.main.async { self?.show(made, taken) }
    }

    /// The bundle that comes with the app, or the one that was picked last; then the camera.
    func begin() {
        let embedded = Bundle.main.resourceURL?.appendingPathComponent("Resources")
        perform("Checking the bundle") { try Installation.begin(embedded: embedded) } then: { [self] found in
            if let data = Bundle.main.url(forResource: "sweater", withExtension: "png").flatMap({ try? Data(contentsOf: $0) }) {
                addGarment(data)
            }
            use(found)
            startCamera()
        }
    }

    /// A bundle's folder or zip that somebody picked.
    func install(_ source: URL) {
        perform("Installing the bundle") {
            let isScoped = source.startAccessingSecurityScopedResource()
            defer { if isScoped { source.stopAccessingSecurityScopedResource() } }
            return try Installation.store().install(from: source)
        } then: { [self] found in use(found) }
    }

    func addGarment(_ data: Data) {
        perform("Reading the garment") { try Garment(data) } then: { [self] garment in
            garments.append(garment)
            wear(garment)
        }
    }

    func wear(_ garment: Garment) {
        worn = garment.id
        guard let fitting = current.fitting else { return }
        perform("Fitting the garment") { try fitting.wear(garment) } then: { [self] _ in refresh() }
    }

    /// A photo instead of the camera.
    func choosePhoto(_ data: Data) {
        stopCamera()
        perform("Reading the photo") { try Pixels.rgbAndAlpha(readImage(data)).rgb } then: { [self] read in
            photo = read
            refresh()
        }
    }

    func startCamera() {
        photo = nil
        isLive = true
        Task {
            do { try await camera.start(position) } catch { fail(error) }
        }
    }

    func stopCamera() {
        isLive = false
        camera.stop()
    }

    func turnCamera() {
        position = position == .back ? .front : .back
        startCamera()
    }

    private func use(_ found: TryOnBundle?) {
        bundle = found
        guard let found else {
            problem = "There is no bundle yet. Make one with `dmvton convert` and pick its folder or zip."
            return
        }
        let held = found.manifest.precisions(for: .coreml)
        if let first = held.first, !held.contains(precision) {
            precision = first  // which loads
        } else {
            load()
        }
    }

    private func load() {
        guard let bundle else { return }
        let (units, precision) = (units, precision)
        let garment = garments.first { $0.id == worn }
        current.fitting = nil
        perform("Compiling the network, at its first load") {
            let fitting = try Fitting(bundle, units: units, precision: precision)
            if let garment { try fitting.wear(garment) }
            return fitting
        } then: { [self] fitting in
            current.fitting = fitting
            refresh()
        }
    }

    /// The photo anew; a camera's next frame comes by itself.
    private func refresh() {
        guard let photo, let fitting = current.fitting else { return }
        perform("Trying on") { try fitting.dress(photo) } then: { [self] made in show(.success(made), nil) }
    }

    private func show(_ made: Result<Pixels, Error>, _ taken: Double?) {
        switch made {
        case .success(let pixels):
            picture = pixels.image()
            frameMs = taken
        case .failure(let error): fail(error)
        }
    }

    private func fail(_ error: Error) {
        problem = error.localizedDescription
    }

    /// Off the main thread, one after the other. saying: what the screen tells meanwhile.
    private func perform<Made: Sendable>(
        _ saying: String, _ job: @escaping @Sendable () throws -> Made, then done: @escaping @MainActor (Made) -> Void
    ) {
        progress = saying
        work.async {
            let made = Result { try job() }
            DispatchQueue.main.async {
                self.progress = nil
                switch made {
                case .success(let value): done(value)
                case .failure(let error): self.fail(error)
                }
            }
        }
    }
}

/// What frames are made with now, read by their queue.
private final class Current: @unchecked Sendable {
    private let lock = NSLock()
    private var held: Fitting?

    var fitting: Fitting? {
        get { lock.withLock { held } }
        set { lock.withLock { held = newValue } }
    }
}
