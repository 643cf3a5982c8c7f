import Foundation

/// A whole suite on this device: job in, record out, beside each other in one folder.
///
/// `record.json` is written anew after every run, in one step; the empty file `ended` says that no more comes.
public struct Benchmark {
    static let agent = "TryOnKit 1"
    private static let lookSeconds = 5.0

    public let job: AppJob
    private let folder: URL
    private let bundle: TryOnBundle
    private let runtimes: [Runtime]
    private let clock: Clock
    private let probes: Probes

    private var recordFile: URL { folder.appendingPathComponent("record.json") }
    private static func ended(in folder: URL) -> URL { folder.appendingPathComponent("ended") }

    /// Removes the record of an earlier time. Throws TryOnError for a job that cannot be read, BundleRefusal for a bundle
    /// that is not what was sealed; the folder is then marked as ended.
    public init(jobFile: URL, runtimes: [Runtime], clock: Clock, probes: Probes) throws {
        folder = jobFile.deletingLastPathComponent()
        self.runtimes = runtimes
        self.clock = clock
        self.probes = probes
        let left = [folder.appendingPathComponent("record.json"), Self.ended(in: folder)]
        for file in left where FileManager.default.fileExists(atPath: file.path) {
            try FileManager.default.removeItem(at: file)
        }
        do {
            job = try AppJob(Data(contentsOf: jobFile))
            bundle = try TryOnBundle(verifying: folder.appendingPathComponent(job.bundle))
        } catch {
            try Data().write(to: Self.ended(in: folder))
            throw error
        }
    }

    /// Measures all of it. onStep: told what is measured. Throws only what the disk says.
    @discardableResult
    public func run(onStep: (String) -> Void = { _ in }) throws -> BenchmarkRecord {
        let started = clock.seconds
        var record = try emptyRecord()
        for round in 1...max(1, job.suite.rounds) {
            for threads in job.suite.threads {
                for pair in job.pairs {
                    let asked = Run(pair: pair, threads: threads, round: round)
                    onStep(asked.title)
                    coolDown()
                    record.runs.append(measured(asked, pair))
                    record.seconds = clock.seconds - started
                    try write(&record)
                }
            }
        }
        if record.runs.isEmpty { try write(&record) }
        try Data().write(to: Self.ended(in: folder))
        return record
    }

    /// As long as the suite asks, then while the device holds itself back, for half of a run's time at most.
    private func coolDown() {
        clock.sleep(job.suite.cooldownSeconds)
        let latest = clock.seconds + job.suite.timeoutSeconds / 2
        while probes.state().throttled == true && clock.seconds < latest { clock.sleep(Self.lookSeconds) }
    }

    private func measured(_ asked: Run, _ pair: AppJob.Pair) -> Run {
        guard let runtime = runtimes.first(where: { $0.target == pair.target }) else {
            var run = asked
            run.failure = "This app has no runtime for \(pair.target.rawValue)."
            return run
        }
        let measurement = Measurement(suite: job.suite, bundle: bundle, runtime: runtime, clock: clock, probes: probes)
        return measurement.run(pair, threads: asked.threads, round: asked.round)
    }

    private func write(_ record: inout BenchmarkRecord) throws {
        try record.json().write(to: recordFile, options: .atomic)
    }

    private func emptyRecord() throws -> BenchmarkRecord {
        let manifest = bundle.manifest
        return BenchmarkRecord(
            startedAt: clock.date,
            suite: .init(name: job.suite.name, sha256: job.suiteSha256, budget: job.suite.budget),
            bundle: .init(
                name: job.bundleName, network: manifest.network, trained: manifest.trained, digest: manifest.digest
            ),
            device: probes.device(named: job.device),
            agent: Self.agent,
            artifacts: try job.pairs.map(weigh)
        )
    }

    private func weigh(_ pair: AppJob.Pair) throws -> Artifacts {
        let held = bundle.manifest.artifacts.filter { $0.target == pair.target && $0.precision == pair.precision }
        let paths = bundle.manifest.files.keys.filter { path in
            held.contains { path == $0.path || path.hasPrefix($0.path + "/") }
        }
        return Artifacts(
            target: pair.target,
            precision: pair.precision,
            parametersBytes: held.reduce(0) { $0 + $1.footprint.weightBytes },
            fileBytes: held.reduce(0) { $0 + $1.footprint.fileBytes },
            downloadBytes: try paths.reduce(0) { sum, path in
                sum + Deflate.packedBytes(try Data(contentsOf: bundle.folder.appendingPathComponent(path)))
            }
        )
    }
}
