import Foundation
import Testing

@testable import TryOnKit

@Test(arguments: Vectors.cases.replays)
func replays(_ of: Cases.ReplayCase) throws {
    let reference = try Vectors.arrays.floats("replay.\(of.name).reference")
    let candidate = try Vectors.arrays.floats("replay.\(of.name).candidate")
    func compared() throws -> ParityFigure {
        try ParityFigure(
            output: "tryon", kind: of.kind, reference: reference, candidate: candidate, boundDb: of.boundDb
        )
    }
    if !of.passes && of.psnrDb == nil {
        #expect(throws: TryOnError.self, "nothing can be compared") { try compared() }
        return
    }
    let figure = try compared()
    #expect(figure.holds == of.passes)
    #expect((figure.psnrDb == nil) == (of.psnrDb == nil))
    if let expected = of.psnrDb, let found = figure.psnrDb {
        #expect(abs(found - expected) <= 1e-6)
    }
}

@Test(arguments: Vectors.cases.statistics)
func statistics(_ of: Cases.StatisticsCase) {
    let summary = Summary(of.samplesMs)
    #expect(summary.samples == of.samples)
    let figures = [
        (summary.leastMs, of.leastMs), (summary.medianMs, of.medianMs), (summary.p90Ms, of.p90Ms),
        (summary.p99Ms, of.p99Ms), (summary.mostMs, of.mostMs), (summary.spread, of.spread),
    ]
    for (found, expected) in figures {
        #expect(abs(found - expected) <= 1e-9)
    }
    #expect((summary.drift == nil) == (of.drift == nil))
    if let found = summary.drift, let expected = of.drift {
        #expect(abs(found - expected) <= 1e-9)
    }
}

@Test(arguments: Vectors.cases.verdicts)
func verdicts(_ of: Cases.VerdictCase) throws {
    let suite = try AppJob(Vectors.file("job.json")).suite
    let verdict = judge(suite: suite, device: of.device, artifacts: of.artifacts, runs: of.runs)
    #expect(verdict.validity == of.validity, "\(of.name)")
    #expect(verdict.passed == of.passed, "\(of.name)")
    #expect(verdict.checks.map(\.held) == of.held, "\(of.name)")
    #expect(verdict.reasons.isEmpty == (of.validity == .valid), "\(of.name)")
}

@Test func reasonsComeWorstFirstAndAreShort() throws {
    let job = try AppJob(Vectors.file("job.json"))
    var run = Run(pair: job.pairs[0], threads: 2, round: 1)
    run.failure = String(repeating: "x\n", count: 900)
    let verdict = judge(suite: job.suite, device: try recorded().device, artifacts: [], runs: [run])
    #expect(verdict.validity == .invalid)
    let reason = try #require(verdict.reasons.first)
    #expect(reason.contains("x x") && reason.count <= 1000)
    #expect(try #require(verdict.reasons.last).contains("is not known"))
}

@Test(arguments: [
    ("Pixel 8", "Pixel 8", true), ("Pixel 8 Pro", "*Pixel 8*", true), ("pixel 8", "*Pixel*", false),
    ("iPhone16,1", "iPhone1[5-7],?", true), ("iPhone14,1", "iPhone1[5-7],?", false), ("a", "[!a]", false),
    ("b", "[!a]", true), ("[x", "[x", true), ("]", "[]]", true), ("", "*", true), ("", "?", false), ("ab", "a", false),
])
func patterns(_ text: String, _ pattern: String, _ holds: Bool) {
    #expect(matches(text, pattern: pattern) == holds)
}

private func recorded() throws -> BenchmarkRecord {
    try BenchmarkRecord(Vectors.file("record.json"))
}

@Test func aRecordComesBackAsItWas() throws {
    try requireEqual(recorded().json(), Vectors.file("record.json"))
}

@Test func aJobComesBackAsItWas() throws {
    try requireEqual(AppJob(Vectors.file("job.json")).json(), Vectors.file("job.json"))
}

@Test func aRecordIsPrintedBetweenMarkers() throws {
    let lines = try recorded().printed().split(separator: "\n")
    #expect(lines.first == "----- BEGIN DMVTON RECORD -----" && lines.last == "----- END DMVTON RECORD -----")
    let inside = lines.dropFirst().dropLast().joined(separator: "\n")
    try requireEqual(Data(inside.utf8), Vectors.file("record.json"))
}

@Test func theJobOfAnAppsArguments() {
    let home = URL(fileURLWithPath: "/home")
    let asked = ["app", "--benchmark", "Documents/benchmark/job.json"]
    #expect(AppJob.file(of: asked, home: home)?.path == "/home/Documents/benchmark/job.json")
    #expect(AppJob.file(of: ["app"], home: home) == nil)
    #expect(AppJob.file(of: ["app", "--benchmark"], home: home) == nil)
}

/// In meaning: the same keys, nulls among them, the same values.
private func requireEqual(_ found: Data, _ expected: Data) throws {
    let values = try [found, expected].map { try JSONSerialization.jsonObject(with: $0) as? NSDictionary }
    let first = try #require(values[0])
    #expect(first == values[1])
}

@Test func aJobOfAnotherVersionOrPlaceIsRefused() throws {
    let text = String(decoding: try Vectors.file("job.json"), as: UTF8.self)
    for (old, new) in [
        ("\"schema_version\": 1", "\"schema_version\": 2"), ("\"bundle.dmvton\"", "\"../bundle\""),
        ("\"bundle.dmvton\"", "\"a/bundle\""),
        ("\"min_runs\"", "\"min_run\""), ("\"tflite\"", "\"unknown\""), ("{", "["),
    ] {
        let changed = text.replacingOccurrences(of: old, with: new)
        try #require(changed != text)
        #expect(throws: TryOnError.self, "\(new)") { try AppJob(Data(changed.utf8)) }
    }
}
