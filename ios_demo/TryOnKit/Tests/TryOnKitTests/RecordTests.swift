import Foundation
import Testing

@testable import TryOnKit

private func recorded() throws -> BenchmarkRecord {
    try BenchmarkRecord(Vectors.file("record.json"))
}

@Test func aRecordComesBackAsItWas() throws {
    try requireEqual(recorded().json(), Vectors.file("record.json"))
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

@Test func aFailureIsOneShortLine() {
    let text = plain(String(repeating: "x\n", count: 900))
    #expect(text.contains("x x") && text.count <= 1000)
}
