package org.dmvton.demo

import java.io.File
import org.dmvton.tryonkit.ComponentContract
import org.dmvton.tryonkit.Runner
import org.dmvton.tryonkit.Runtime
import org.dmvton.tryonkit.Target

/** Instead of the app's, where LiteRT is not: what uses it compiles, and nothing runs it. */
class LiteRtRuntime(private val onGpu: Boolean) : Runtime {
    override val target = Target.TFLITE
    override val versions: Map<String, String> get() = emptyMap()

    override fun load(artifact: File, contract: ComponentContract, threads: Int): Runner =
        throw UnsupportedOperationException("LiteRT, on the GPU: $onGpu")
}
