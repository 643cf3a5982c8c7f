package org.dmvton.tryonkit

import java.io.File
import java.util.Date

// What cannot be here: a phone's clock, its probes, and its runtimes.

/** It stands still but for what sleeps and runs. */
class FakeClock : Clock {
    override var seconds = 100.0
    override val date = Date(1_795_608_000_000)
    val slept = mutableListOf<Double>()

    override fun sleep(seconds: Double) {
        slept += seconds
        this.seconds += maxOf(0.0, seconds)
    }
}

/** An artifact answers with what is recorded, and takes its time on a clock. */
class FakeRuntime(private val clock: FakeClock, private val answers: Map<String, Tensor>) : Runtime {
    override val target = Target.TFLITE
    override val versions = mapOf("fake" to "1")
    var frameSeconds = 0.010

    /** Of the frame's artifact: breaks when it has run that often. */
    var breaksAfter: Int? = null
    val loaded = mutableListOf<String>()
    val inputs = mutableMapOf<String, Tensor>()
    var runs = 0
    var open = 0

    override fun load(artifact: File, contract: ComponentContract, threads: Int): Runner {
        loaded += "${artifact.name} $threads"
        clock.seconds += 0.050
        open += 1
        return FakeRunner(contract)
    }

    private inner class FakeRunner(private val contract: ComponentContract) : Runner {
        override fun set(inputs: List<Tensor>) = contract.inputs.zip(inputs).forEach { (tensor, input) ->
            this@FakeRuntime.inputs[tensor.name] = tensor.nchw(input)
        }

        override fun run() {
            clock.seconds += frameSeconds
            if (contract.component != Component.TRYON) return
            runs += 1
            breaksAfter?.let { if (runs > it) throw IllegalStateException("The fake broke,\nas it was asked to.") }
        }

        override fun outputs(): List<Tensor> = contract.outputs.map { tensor ->
            answers[tensor.name]?.let(tensor::held)
                // The encoder's: the garment and its mask
                ?: Tensor(tensor.shape, inputs.getValue("garment").values + inputs.getValue("garment_mask").values)
        }

        override fun close() {
            open -= 1
        }
    }
}

class FakeProbes : Probes {
    override val memoryKind = MemoryKind.PSS

    /** The answers, one after the other; the last stays. */
    val memory = ArrayDeque<Long?>(listOf(40_000_000, 41_000_000, 60_000_000, 55_000_000))
    val throttled = ArrayDeque<Boolean?>(listOf(false))

    override fun device(name: String) = Device(
        DeviceKind.ANDROID, name, model = "Test Phone 3", abi = "arm64-v8a", cores = 8, memoryBytes = 8_000_000_000,
        system = "Android 16",
    )

    override fun state() = DeviceState(
        throttled = throttled.next(), batteryPercent = 80.0, lowPower = false, foreground = true,
    )

    override fun memoryBytes(): Long? = memory.next()

    private fun <T> ArrayDeque<T>.next(): T = if (size > 1) removeFirst() else first()
}
