import CoreML
import PhotosUI
import SwiftUI
import TryOnKit
import UniformTypeIdentifiers

/// The camera or a photo with the garment on, garments to choose from, and what it costs.
struct TryOnScreen: View {
    @StateObject private var model = TryOnModel()
    @State private var chosenPhoto: PhotosPickerItem?
    @State private var chosenGarment: PhotosPickerItem?
    @State private var isPickingBundle = false

    var body: some View {
        VStack(spacing: 0) {
            ZStack {
                Color.black
                if let picture = model.picture {
                    Image(decorative: picture, scale: 1).resizable().scaledToFit()
                        .overlay(alignment: .top) { if model.isLive { FramingGuide() } }
                }
                if let progress = model.progress {
                    ProgressView(progress).padding().background(.regularMaterial, in: RoundedRectangle(cornerRadius: 12))
                }
            }
            .overlay(alignment: .topLeading) {
                Hud(frameMs: model.frameMs, compositor: model.compositor, bundle: model.bundle)
            }
            garmentShelf
            buttons
        }
        .task { model.begin() }
        .onChange(of: chosenPhoto) { read($0, then: model.choosePhoto) }
        .onChange(of: chosenGarment) { read($0, then: model.addGarment) }
        .fileImporter(isPresented: $isPickingBundle, allowedContentTypes: [.folder, .zip]) { picked in
            switch picked {
            case .success(let url): model.install(url)
            case .failure(let error): model.problem = error.localizedDescription
            }
        }
        .alert("This did not work", isPresented: isProblem) {
            Button("OK", role: .cancel) {}
        } message: {
            Text(model.problem ?? "")
        }
    }

    private var garmentShelf: some View {
        ScrollView(.horizontal) {
            HStack {
                ForEach(model.garments) { garment in
                    Button { model.wear(garment) } label: {
                        Image(decorative: garment.image, scale: 1).resizable().scaledToFit().frame(width: 60, height: 80)
                            .border(garment.id == model.worn ? Color.accentColor : .clear, width: 2)
                    }
                }
                PhotosPicker(selection: $chosenGarment, matching: .images) {
                    Label("Add a garment", systemImage: "plus").labelStyle(.iconOnly).frame(width: 60, height: 80)
                }
            }
            .padding(8)
        }
    }

    private var buttons: some View {
        HStack(spacing: 24) {
            Button { model.turnCamera() } label: { Label("Camera", systemImage: "arrow.triangle.2.circlepath.camera") }
            PhotosPicker(selection: $chosenPhoto, matching: .images) { Label("Photo", systemImage: "photo") }
            if let picture = model.picture {
                let image = Image(decorative: picture, scale: 1)
                ShareLink(item: image, preview: SharePreview("Try-on", image: image))
            }
            Button { isPickingBundle = true } label: { Label("Bundle", systemImage: "shippingbox") }
            Menu {
                Picker("Compute units", selection: $model.units) {
                    ForEach(MLComputeUnits.choices, id: \.rawValue) { Text($0.title).tag($0) }
                }
                Picker("Precision", selection: $model.precision) {
                    ForEach(model.bundle?.manifest.precisions(for: .coreml) ?? [], id: \.rawValue) { Text($0.rawValue).tag($0) }
                }
            } label: { Label("Network", systemImage: "cpu") }
        }
        .labelStyle(.iconOnly)
        .padding()
    }

    private var isProblem: Binding<Bool> {
        Binding { model.problem != nil } set: { if !$0 { model.problem = nil } }
    }

    private func read(_ item: PhotosPickerItem?, then done: @escaping (Data) -> Void) {
        guard let item else { return }
        Task {
            do {
                if let data = try await item.loadTransferable(type: Data.self) { done(data) }
            } catch {
                model.problem = error.localizedDescription
            }
        }
    }
}

/// Where a person stands well: the network's 3 : 4 window, head at the top, hips in it.
struct FramingGuide: View {
    var body: some View {
        RoundedRectangle(cornerRadius: 16).strokeBorder(.white.opacity(0.7), style: StrokeStyle(lineWidth: 2, dash: [8]))
            .aspectRatio(3.0 / 4.0, contentMode: .fit)
            .overlay(alignment: .bottom) {
                Text("Head to hips in the frame, arms a little apart").font(.footnote).padding(6).background(.thinMaterial)
            }
            .allowsHitTesting(false)
    }
}

/// What a frame costs, and how the device is.
struct Hud: View {
    let frameMs: Double?
    let compositor: String?
    let bundle: TryOnBundle?
    private let probes = PhoneProbes()

    var body: some View {
        TimelineView(.periodic(from: .now, by: 1)) { _ in
            VStack(alignment: .leading) {
                Text("frame \(frameMs.map { String(format: "%.1f ms", $0) } ?? "-")")
                if let compositor { Text("composed by \(compositor)") }
                Text("memory \(probes.memoryBytes().map { String(format: "%.1f MB", Double($0) / 1e6) } ?? "-")")
                Text("\(ProcessInfo.processInfo.thermalState.title)")
                if ProcessInfo.processInfo.isLowPowerModeEnabled { Text("low-power mode") }
                if let bundle {
                    Text("\(bundle.manifest.network), \(bundle.isSigned ? "signed" : "unsigned")")
                    if !bundle.manifest.trained { Text("untrained").foregroundColor(.red) }
                }
            }
            .font(.caption2.monospaced()).padding(6).background(.thinMaterial)
        }
    }
}
