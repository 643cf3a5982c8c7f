import Foundation
import Testing

@testable import TryOnKit

/// From a photo's pixels to the composite, but for the network, which answers as it was recorded.
@Test func theWholeFramePath() throws {
    let held = try TestBundle.recordedCase()
    let folder = try TemporaryFolder()
    let (tryOn, runtime) = try fakeTryOn(in: folder)
    let garment = try tryOn.prepare(rgb: held.garment.rgb, mask: held.garment.mask)
    let encoded = runtime.loaded.count
    let made = try tryOn.tryOn(held.photo, wearing: garment)
    try requireAgreement(made, held.answer, photo: held.photo, name: "the whole frame path")
    #expect(runtime.inputs["person"] == held.outputs.person, "the network sees what Python's saw")
    let mask = try #require(runtime.inputs["garment_mask"])
    #expect(runtime.inputs["garment_picture"]?.values.suffix(mask.values.count) == mask.values[...])
    #expect(runtime.runs == 1 && runtime.loaded.count == encoded, "a frame runs one artifact")
}

@Test func aFrameWithoutNumbersIsRefused() throws {
    let held = try TestBundle.recordedCase()
    let folder = try TemporaryFolder()
    let (tryOn, _) = try fakeTryOn(in: folder) { outputs in
        outputs["flow"] = outputs["flow"].map { Tensor(shape: $0.shape, values: $0.values.map { _ in .nan }) }
    }
    let garment = try tryOn.prepare(rgb: held.garment.rgb, mask: held.garment.mask)
    #expect(throws: TryOnError.self) { try tryOn.tryOn(held.photo, wearing: garment) }
}

@Test func aMaskOfAnotherSizeIsRefused() throws {
    let held = try TestBundle.recordedCase()
    let folder = try TemporaryFolder()
    let (tryOn, _) = try fakeTryOn(in: folder)
    let other = try CompositeCase("large_garment").garment
    #expect(throws: TryOnError.self) { try tryOn.prepare(rgb: held.garment.rgb, mask: other.mask) }
}

@Test func theGoldenReplayOfWhatWasRecorded() throws {
    let folder = try TemporaryFolder()
    let (tryOn, _) = try fakeTryOn(in: folder)
    let figures = try tryOn.replay(target: .coreml)
    #expect(figures.map(\.output) == ["tryon", "flow", "composition", "rendered"])
    #expect(figures.allSatisfy { $0.psnrDb == nil && $0.boundDb == 50 })
}

@Test(arguments: ["tryon", "flow", "composition", "rendered"])
func theGoldenReplayOfSomethingElseFails(_ name: String) throws {
    let folder = try TemporaryFolder()
    let (tryOn, _) = try fakeTryOn(in: folder) { outputs in
        outputs[name] = outputs[name].map { Tensor(shape: $0.shape, values: $0.values.map { $0 + 0.05 }) }
    }
    #expect { try tryOn.replay(target: .coreml) } throws: { ($0 as? TryOnError)?.message.hasPrefix(name) == true }
}

@Test func aBundleWithoutThatPrecisionIsRefused() throws {
    let folder = try TemporaryFolder()
    try TestBundle.write(to: folder.place("b"))
    let bundle = try TryOnBundle(verifying: folder.place("b"))
    let runtime = FakeRuntime(clock: FakeClock(), outputs: [:])
    #expect(throws: TryOnError.self) { try TryOn(bundle, in: runtime, .int8) }
    #expect { try Golden(of: bundle, .int8) } throws: { ($0 as? TryOnError)?.message.contains("tryon_int8") == true }
}

/// change: of what the network answers.
private func fakeTryOn(
    in folder: TemporaryFolder, _ change: (inout [String: Tensor]) -> Void = { _ in }
) throws -> (TryOn, FakeRuntime) {
    try TestBundle.write(to: folder.place("b"))
    var outputs = try TestBundle.recordedOutputs()
    change(&outputs)
    let runtime = FakeRuntime(clock: FakeClock(), outputs: outputs)
    let tryOn = try TryOn(TryOnBundle(verifying: folder.place("b")), in: runtime, .fp16)
    return (tryOn, runtime)
}
