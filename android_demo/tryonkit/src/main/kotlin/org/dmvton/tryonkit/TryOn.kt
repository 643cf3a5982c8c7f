package org.dmvton.tryonkit

/**
 * A garment that the `TryOn` which made it can put on anybody. tensors: what the network's frame takes of it, by name.
 */
class PreparedGarment internal constructor(val picture: GarmentPicture, internal val tensors: Map<String, Tensor>)

/**
 * Puts garments on people, at the photos' own resolution: prepare a garment once, then one call per frame.
 *
 * `prepare` and `tryOn` run different artifacts, so that each may have a thread of its own; neither is for several.
 * Throws TryOnException where the bundle has no artifacts for the runtime in that precision, and what the runtime
 * throws.
 */
class TryOn(
    val bundle: TryOnBundle,
    private val runtime: Runtime,
    val precision: Precision,
    threads: Int = 2,
) : AutoCloseable {
    private val sessions = open(bundle, runtime, precision, threads)
    private val once = sessions.dropLast(1)
    private val frame = sessions.last()
    private val size = bundle.manifest.pictureSize

    /**
     * What frames need of a garment. Throws TryOnException for a mask of another size, and a picture that is too small.
     */
    fun prepare(rgb: Pixels, mask: Pixels): PreparedGarment {
        rgb.requireUsable()
        val picture = GarmentPicture(rgb, mask)
        val inputs = mapOf(
            "garment" to rgb.networkInput(picture.canvas, size),
            "garment_mask" to mask.networkInput(picture.canvas, size),
        )
        val taken = frame.contract.inputs.map { it.name }.toSet()
        return PreparedGarment(picture, runInTurn(once, inputs).filterKeys { it in taken })
    }

    /**
     * The person's photo with the garment on, [H, W, 3], the photo's own size; outside the window unchanged. Throws
     * TryOnException where the network gives no numbers.
     */
    fun tryOn(photo: Pixels, garment: PreparedGarment): Pixels {
        photo.requireUsable()
        val window = Window.person(photo.size)
        val person = photo.networkInput(window, size)
        val outputs = frame.run(garment.tensors + ("person" to person))
        fun given(name: String) = outputs[name]
            ?: throw TryOnException("The network gives ${outputs.keys.sorted()}; composition needs $name as well.")
        return composite(
            photo, window, garment.picture,
            FrameOutputs(given("flow"), given("composition"), given("rendered"), person),
            bundle.manifest.alignCorners,
        )
    }

    /**
     * Runs the golden inputs and holds the outputs against the golden ones. Throws TryOnException naming what differs.
     */
    fun replay(): List<ParityFigure> {
        val golden = Golden.read(bundle, precision)
        val computed = frame.run(runInTurn(once, golden.inputs))
        return golden.compare(computed, frame.contract, bundle.manifest.boundDb(runtime.target, precision))
    }

    override fun close() = sessions.forEach { it.close() }
}

/** All or none. */
private fun open(bundle: TryOnBundle, runtime: Runtime, precision: Precision, threads: Int): List<Session> {
    val opened = mutableListOf<Session>()
    try {
        bundle.manifest.artifacts(runtime.target, precision).forEach { opened += Session(it, bundle, runtime, threads) }
        return opened
    } catch (error: Throwable) { // whatever the runtime ran into
        opened.forEach { it.close() }
        throw error
    }
}

/** The given tensors and all that was computed from them, by name. */
private fun runInTurn(sessions: List<Session>, inputs: Map<String, Tensor>): Map<String, Tensor> =
    sessions.fold(inputs) { tensors, session -> tensors + session.run(tensors) }
