import Foundation
import Testing

@testable import TryOnKit

/// A folder with a job and a bundle, as the host makes it, and a phone that is none.
private struct Bench {
    let folder: TemporaryFolder
    let clock = FakeClock()
    let probes = FakeProbes()
    let runtime: FakeRuntime

    /// change: of the job, as text. outputs: of the network.
    init(job change: (String) -> String = { $0 }, outputs: [String: Tensor]? = nil) throws {
        folder = try TemporaryFolder()
        runtime = FakeRuntime(clock: clock, outputs: try outputs ?? TestBundle.recordedOutputs())
        try TestBundle.write(to: folder.place("bundle.dmvton"))
        try Data(change(Self.job).utf8).write(to: folder.place("job.json"))
    }

    func benchmark() throws -> Benchmark {
        try Benchmark(jobFile: folder.place("job.json"), runtimes: [runtime], clock: clock, probes: probes)
    }

    func written() throws -> BenchmarkRecord {
        try BenchmarkRecord(Data(contentsOf: folder.place("record.json")))
    }

    /// Two threads' numbers, two rounds; every series there is.
    static let job = """
        {"schema_version": 1, "suite_sha256": "\(String(repeating: "5", count: 64))", "bundle": "bundle.dmvton",
         "bundle_name": "test.dmvton", "device": "ios:PHONE", "pairs": [{"target": "coreml", "precision": "fp16"}],
         "suite": {"name": "phones", "description": "For tests.", "targets": null, "precisions": null,
          "recommended": false, "threads": [1, 2], "rounds": 2, "warmup_runs": 3,
          "garment": {"min_runs": 4, "min_seconds": 0}, "frame": {"min_runs": 8, "min_seconds": 0.125},
          "camera": {"period_ms": 40, "seconds": 0.2}, "sustained": {"seconds": 0.055}, "cooldown_seconds": 7,
          "operations": false, "timeout_seconds": 60, "bands": [],
          "conditions": {"max_spread": 0.3, "max_drift": 0.15, "max_load": null, "max_temperature_celsius": 40,
           "min_battery_percent": 30, "governors": null},
          "budget": {"parameters_bytes": 500, "file_bytes": null, "download_bytes": null, "arena_bytes": 1,
           "growth_bytes": 37000000}}}
        """
}

@Test func aWholeSuite() throws {
    let bench = try Bench()
    var steps: [String] = []
    let record = try bench.benchmark().run { steps.append($0) }
    #expect(record.runs.map { [$0.round, $0.threads] } == [[1, 1], [1, 2], [2, 1], [2, 2]])
    #expect(steps == record.runs.map(\.title))
    #expect(bench.clock.slept.filter { $0 == 7 }.count == 4, "a cooldown before every run")
    #expect(record.runs.allSatisfy { $0.failure == nil })
    #expect(record.artifacts.map(\.parametersBytes) == [400])
    #expect(record.artifacts[0].downloadBytes > 0)
    #expect(record.device.name == "ios:PHONE" && record.bundle.name == "test.dmvton")

    #expect(try bench.folder.names() == ["bundle.dmvton", "ended", "job.json", "record.json"])
    #expect(try bench.written() == record)
    try leave(bench.folder.place("record.json"))
}

@Test func theSeriesOfARun() throws {
    let bench = try Bench()
    let run = try bench.benchmark().run().runs[0]
    #expect(run.series.map(\.component) == [.garmentEncoder, .tryon, .tryon, .tryon])
    #expect(run.series.map(\.mode) == [.steady, .steady, .camera, .sustained])
    let counts = run.series.map(\.samplesMs.count)
    #expect(counts[0] == 4, "the least count, as it takes longer than the least time")
    #expect(counts[1] == 13, "the least time, as it has more runs than the least count")
    #expect(run.series.map(\.warmupRuns) == [3, 3, 0, 0])
    #expect(bench.runtime.runs == 4 * (1 + 3 + 13 + 6 + 6), "after its load and the warm-up")
    let camera = run.series[2]
    #expect(camera.periodMs == 40 && counts[2] == 6, "the last begins with the last moment")
    for (number, started) in camera.startedMs.enumerated() {
        #expect(abs(started - 40 * Double(number)) < 1e-6)
    }
    #expect(counts[3] == 6)
    #expect(run.series.flatMap(\.samplesMs).allSatisfy { abs($0 - 10) < 1e-6 })
    let loads = run.loads.map { [$0.firstLoadMs, $0.firstRunMs, $0.warmLoadMs ?? 0] }
    #expect(loads.joined().elementsEqual([50, 10, 50, 50, 10, 50]) { abs($0 - $1) < 1e-6 })
    #expect(run.parity?.count == 4 && run.versions == ["fake": "1"])
    #expect(run.before?.batteryPercent == 80 && run.after?.foreground == true)
}

@Test func aFrameThatIsSlowerThanTheCameraWaitsForNothing() throws {
    let bench = try Bench()
    bench.runtime.frameSeconds = 0.060
    let camera = try #require(try bench.benchmark().run().runs[0].series.first { $0.mode == .camera })
    for (number, started) in camera.startedMs.enumerated() {
        #expect(abs(started - 60 * Double(number)) < 1e-6)
    }
}

@Test func memoryIsThisRunsOwn() throws {
    let bench = try Bench()
    let memory = try #require(try bench.benchmark().run().runs[0].memory)
    #expect(memory.bareBytes == 40_000_000 && memory.kind == .physFootprint)
    #expect(memory.peakBytes == 60_000_000, "the system's peak is of an earlier time")

    let rising = try Bench()
    rising.probes.peaks = [50_000_000, 70_000_000]
    #expect(try rising.benchmark().run().runs[0].memory?.peakBytes == 70_000_000)

    let silent = try Bench()
    silent.probes.memory = [nil]
    #expect(try silent.benchmark().run().runs[0].memory == nil)
}

@Test func aDeviceThatHoldsItselfBackIsWaitedFor() throws {
    let bench = try Bench()
    bench.probes.throttled = [true, true, true, false]
    #expect(try bench.benchmark().run().runs.allSatisfy { $0.before?.throttled == false })
    #expect(bench.clock.slept.filter { $0 == 5 }.count == 3, "three looks")
}

@Test func aDeviceThatDoesNotCoolDownIsMeasuredAndTheRecordSaysSo() throws {
    let bench = try Bench()
    bench.probes.throttled = [true]
    let record = try bench.benchmark().run()
    #expect(bench.clock.slept.filter { $0 == 5 }.count == 4 * 6, "half of each run's time")
    #expect(record.runs.allSatisfy { $0.failure == nil && $0.before?.throttled == true })
}

@Test func theRecordIsWrittenAfterEveryRun() throws {
    let bench = try Bench()
    var runs: [Int] = []
    try bench.benchmark().run { _ in
        runs.append((try? bench.written().runs.count) ?? 0)
        #expect(!FileManager.default.fileExists(atPath: bench.folder.place("ended").path))
    }
    #expect(runs == [0, 1, 2, 3])
}

@Test func anArtifactThatBreaksIsInTheRecordAndTheNextIsMeasured() throws {
    let bench = try Bench()
    bench.runtime.breaksAfter = 6
    let record = try bench.benchmark().run { title in
        if title.hasSuffix("2 threads, round 1") { bench.runtime.breaksAfter = nil }
    }
    let run = record.runs[0]
    #expect(run.failure == "The fake broke, as it was asked to.")
    #expect(run.series.map(\.component) == [.garmentEncoder], "what was measured by then")
    #expect(run.parity == nil && run.after == nil)
    #expect(record.runs[1].failure == nil)
}

@Test func anArtifactThatComputesSomethingElseFails() throws {
    var outputs = try TestBundle.recordedOutputs()
    outputs["composition"] = outputs["composition"].map { Tensor(shape: $0.shape, values: $0.values.map { 1 - $0 }) }
    let bench = try Bench(outputs: outputs)
    let record = try bench.benchmark().run()
    #expect(record.runs.allSatisfy { $0.failure?.hasPrefix("composition differs") == true && $0.parity == nil })
}

@Test func whatTheAppCannotRunIsAFailure() throws {
    let bench = try Bench(job: { $0.replacingOccurrences(of: #""coreml", "precision""#, with: #""onnx", "precision""#) })
    let record = try bench.benchmark().run()
    #expect(record.runs.count == 4 && record.runs.allSatisfy { $0.failure?.contains("no runtime for onnx") == true })
}

@Test func nothingAskedForIsARecordToo() throws {
    let bench = try Bench(job: { text in
        text.replacingOccurrences(of: #"[{"target": "coreml", "precision": "fp16"}]"#, with: "[]")
    })
    #expect(try bench.benchmark().run().runs.isEmpty)
    #expect(try bench.written().runs.isEmpty)
}

@Test func whatIsLeftOfAnEarlierTimeGoes() throws {
    let bench = try Bench()
    for name in ["record.json", "ended"] { try Data("old".utf8).write(to: bench.folder.place(name)) }
    _ = try bench.benchmark()
    #expect(try bench.folder.names() == ["bundle.dmvton", "job.json"])
}

@Test func aSpoiltBundleOrJobEndsIt() throws {
    let bench = try Bench()
    try Data("x".utf8).write(to: bench.folder.place("bundle.dmvton/\(TestBundle.files[0])"))
    #expect(throws: BundleRefusal.self) { try bench.benchmark() }
    #expect(try bench.folder.names() == ["bundle.dmvton", "ended", "job.json"])

    let other = try Bench(job: { String($0.dropLast(5)) })
    #expect(throws: TryOnError.self) { try other.benchmark() }
    #expect(try other.folder.names().contains("ended"))
}

/// For Python, which holds it against the record's schema.
private func leave(_ record: URL) throws {
    guard let folder = ProcessInfo.processInfo.environment["DMVTON_RECORD"], !folder.isEmpty else { return }
    try Data(contentsOf: record).write(to: URL(fileURLWithPath: folder).appendingPathComponent("record.json"))
}
