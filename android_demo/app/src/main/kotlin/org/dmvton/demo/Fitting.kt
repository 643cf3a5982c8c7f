package org.dmvton.demo

import org.dmvton.tryonkit.Pixels
import org.dmvton.tryonkit.Precision
import org.dmvton.tryonkit.PreparedGarment
import org.dmvton.tryonkit.Runtime
import org.dmvton.tryonkit.TryOn
import org.dmvton.tryonkit.TryOnBundle

/** One bundle in one runtime and precision, and the garment that is worn. Throws what the runtime throws. */
class Fitting(bundle: TryOnBundle, runtime: Runtime, precision: Precision) : AutoCloseable {
    private val tryOn = TryOn(bundle, runtime, precision)
    private var isOpen = true

    @Volatile
    private var worn: PreparedGarment? = null

    /** Holds this phone to the golden outputs. Throws TryOnException naming what differs. */
    fun replay() {
        tryOn.replay()
    }

    /** The garment's share of the work: not on the thread of frames. */
    fun wear(garment: Garment) {
        worn = tryOn.prepare(garment.rgb, garment.mask)
    }

    /** The picture with the garment on; as it is while none is worn, and when this is closed. */
    @Synchronized
    fun dress(photo: Pixels): Pixels {
        val garment = worn
        return if (garment == null || !isOpen) photo else tryOn.tryOn(photo, garment)
    }

    /** After the frame that is being made. */
    @Synchronized
    override fun close() {
        if (isOpen) tryOn.close()
        isOpen = false
    }
}
