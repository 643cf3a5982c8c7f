import Foundation

/// One run of a pair: loads, times, memory, parity, in the order of docs/benchmarks.md.
struct Measurement {
    let suite: Suite
    let bundle: TryOnBundle
    let runtime: Runtime
    let clock: Clock
    let probes: Probes

    /// What was measured; what went wrong is in it.
    func run(_ pair: AppJob.Pair, threads: Int, round: Int) -> Run {
        var run = Run(pair: pair, threads: threads, round: round)
        do {
            try measure(&run)
        } catch {
            run.failure = plain(error)
        }
        return run
    }

    private func measure(_ run: inout Run) throws {
        run.before = probes.state()
        run.versions = runtime.versions
        let artifacts = try bundle.manifest.artifacts(for: run.target, run.precision)
        let golden = try Golden(of: bundle, run.precision)
        var memory = MemoryWatch(probes)
        var tensors = golden.inputs
        for artifact in artifacts.dropLast() {
            let session = try load(artifact, fed: tensors, &run)
            memory.look()
            tensors.merge(try session.outputs()) { $1 }
            run.series.append(try steady(session, until: suite.garment, &memory))
        }  // closed, as in an app between two garments
        let outputs = try measureFrame(artifacts[artifacts.count - 1], fed: tensors, &run, &memory)
        run.memory = memory.memory()
        let bound = try bundle.manifest.boundDb(for: run.target, run.precision)
        let contract = artifacts[artifacts.count - 1].contract
        run.parity = try golden.compare(outputs, contract: contract, boundDb: bound)
        for (index, artifact) in artifacts.enumerated() {
            run.loads[index].warmLoadMs = try clock.milliseconds { _ = try session(artifact, run.threads) }
        }
        run.after = probes.state()
    }

    /// The last outputs.
    private func measureFrame(
        _ artifact: Manifest.Artifact, fed tensors: [String: Tensor], _ run: inout Run, _ memory: inout MemoryWatch
    ) throws -> [String: Tensor] {
        let session = try load(artifact, fed: tensors, &run)
        memory.noteLoaded()
        run.series.append(try steady(session, until: suite.frame, &memory))
        if let camera = suite.camera {
            run.series.append(
                try series(session, .camera, periodMs: camera.periodMs, &memory) { $1 < camera.seconds }
            )
        }
        if let sustained = suite.sustained {
            run.series.append(try series(session, .sustained, &memory) { $1 < sustained.seconds })
        }
        return try session.outputs()
    }

    /// Loaded, fed and run once, which is noted.
    private func load(
        _ artifact: Manifest.Artifact, fed tensors: [String: Tensor], _ run: inout Run
    ) throws -> Session {
        let isCold = try runtime.forget(bundle.place(of: artifact))
        let started = clock.seconds
        let session = try session(artifact, run.threads)
        let loaded = clock.seconds
        try session.set(tensors)
        try session.runner.run()
        run.loads.append(
            Load(
                component: session.contract.component,
                cold: isCold,
                firstLoadMs: (loaded - started) * 1e3,
                firstRunMs: (clock.seconds - loaded) * 1e3,
                warmLoadMs: nil
            )
        )
        return session
    }

    private func session(_ artifact: Manifest.Artifact, _ threads: Int) throws -> Session {
        try Session(artifact, of: bundle, in: runtime, threads: threads)
    }

    /// Back to back, after the warm-up, until there are runs enough and time enough.
    private func steady(_ session: Session, until: Suite.Until, _ memory: inout MemoryWatch) throws -> Series {
        for _ in 0..<suite.warmupRuns { try session.runner.run() }
        return try series(session, .steady, warmupRuns: suite.warmupRuns, &memory) { runs, seconds in
            runs < until.minRuns || seconds < until.minSeconds
        }
    }

    /// goesOn: of the runs by now and of the seconds since the first.
    private func series(
        _ session: Session, _ mode: Mode, warmupRuns: Int = 0, periodMs: Double? = nil, _ memory: inout MemoryWatch,
        while goesOn: (Int, Double) -> Bool
    ) throws -> Series {
        var started: [Double] = []
        var samples: [Double] = []
        let first = clock.seconds
        while goesOn(samples.count, clock.seconds - first) {
            if let periodMs {
                clock.sleep(first + Double(samples.count) * periodMs / 1e3 - clock.seconds)
            }
            started.append((clock.seconds - first) * 1e3)
            samples.append(try clock.milliseconds(session.runner.run))
            memory.look()
        }
        return Series(
            component: session.contract.component, mode: mode, warmupRuns: warmupRuns, periodMs: periodMs,
            startedMs: started, samplesMs: samples
        )
    }
}
