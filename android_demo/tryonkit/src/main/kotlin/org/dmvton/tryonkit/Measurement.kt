package org.dmvton.tryonkit

/** One run of a pair: loads, times, memory, parity, in the order of docs/benchmarks.md. */
internal class Measurement(
    private val suite: Suite,
    private val bundle: TryOnBundle,
    private val runtime: Runtime,
    private val clock: Clock,
    private val probes: Probes,
) {
    private lateinit var run: Run
    private lateinit var memory: MemoryWatch

    /** What was measured; what went wrong is in it. */
    fun measured(asked: Run): Run {
        run = asked
        try {
            measure()
        } catch (error: Throwable) { // of an artifact that is not what it was, a runtime throws whatever it ran into
            run = run.copy(failure = plain(error))
        }
        return run
    }

    private fun measure() {
        run = run.copy(before = probes.state())
        run = run.copy(versions = runtime.versions)
        val artifacts = bundle.manifest.artifacts(run.target, run.precision)
        val golden = Golden.read(bundle, run.precision)
        memory = MemoryWatch(probes)
        var tensors = golden.inputs
        for (artifact in artifacts.dropLast(1)) {
            load(artifact, tensors).use { session -> // closed, as in an app between two garments
                memory.look()
                tensors = tensors + session.outputs()
                steady(session, suite.garment)
            }
        }
        val outputs = load(artifacts.last(), tensors).use(::measureFrame)
        run = run.copy(memory = memory.memory())
        val bound = bundle.manifest.boundDb(run.target, run.precision)
        run = run.copy(parity = golden.compare(outputs, artifacts.last().contract, bound))
        val loads = run.loads.zip(artifacts) { load, artifact -> load.copy(warmLoadMs = warmLoadMs(artifact)) }
        run = run.copy(loads = loads)
        run = run.copy(after = probes.state())
    }

    /** The last outputs. */
    private fun measureFrame(session: Session): Map<String, Tensor> {
        memory.noteLoaded()
        steady(session, suite.frame)
        suite.camera?.let { camera ->
            measureSeries(session, Mode.CAMERA, periodMs = camera.periodMs) { _, seconds -> seconds < camera.seconds }
        }
        suite.sustained?.let { sustained ->
            measureSeries(session, Mode.SUSTAINED) { _, seconds -> seconds < sustained.seconds }
        }
        return session.outputs()
    }

    /** Loaded, fed and run once, which is noted. */
    private fun load(artifact: Manifest.Artifact, tensors: Map<String, Tensor>): Session {
        val started = clock.seconds
        val session = Session(artifact, bundle, runtime, run.threads)
        try {
            val loaded = clock.seconds
            session.set(tensors)
            session.runner.run()
            val load = Load(
                component = session.contract.component,
                cold = null, // an app cannot ask the system to forget a file
                firstLoadMs = (loaded - started) * 1e3,
                firstRunMs = (clock.seconds - loaded) * 1e3,
            )
            run = run.copy(loads = run.loads + load)
            return session
        } catch (error: Throwable) { // as above
            session.close()
            throw error
        }
    }

    private fun warmLoadMs(artifact: Manifest.Artifact): Double {
        val started = clock.seconds
        return Session(artifact, bundle, runtime, run.threads).use { (clock.seconds - started) * 1e3 }
    }

    /** Back to back, after the warm-up, until there are runs enough and time enough. */
    private fun steady(session: Session, until: Suite.Until) {
        repeat(suite.warmupRuns) { session.runner.run() }
        measureSeries(session, Mode.STEADY, suite.warmupRuns) { runs, seconds ->
            runs < until.minRuns || seconds < until.minSeconds
        }
    }

    /** goesOn: of the runs by now and of the seconds since the first. */
    private fun measureSeries(
        session: Session,
        mode: Mode,
        warmupRuns: Int = 0,
        periodMs: Double? = null,
        goesOn: (Int, Double) -> Boolean,
    ) {
        val started = mutableListOf<Double>()
        val samples = mutableListOf<Double>()
        val first = clock.seconds
        while (goesOn(samples.size, clock.seconds - first)) {
            if (periodMs != null) clock.sleep(first + samples.size * periodMs / 1e3 - clock.seconds)
            started += (clock.seconds - first) * 1e3
            samples += clock.milliseconds { session.runner.run() }
        }
        memory.look()
        val series = Series(session.contract.component, mode, warmupRuns, periodMs, started, samples)
        run = run.copy(series = run.series + series)
    }
}
