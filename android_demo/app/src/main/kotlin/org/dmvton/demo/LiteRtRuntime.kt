package org.dmvton.demo

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.concurrent.Callable
import java.util.concurrent.ExecutionException
import java.util.concurrent.Executors
import org.dmvton.tryonkit.ComponentContract
import org.dmvton.tryonkit.Runner
import org.dmvton.tryonkit.Runtime
import org.dmvton.tryonkit.Target
import org.dmvton.tryonkit.Tensor
import org.dmvton.tryonkit.TensorContract
import org.tensorflow.lite.Interpreter
import org.tensorflow.lite.TensorFlowLite
import org.tensorflow.lite.gpu.GpuDelegate
import org.tensorflow.lite.gpu.GpuDelegateFactory

/** LiteRT: XNNPACK on the CPU, or the GPU for what its delegate takes. */
class LiteRtRuntime(private val onGpu: Boolean) : Runtime {
    override val target = Target.TFLITE
    override val versions: Map<String, String> get() = mapOf("litert" to TensorFlowLite.runtimeVersion())

    override fun load(artifact: File, contract: ComponentContract, threads: Int): Runner =
        if (onGpu) OneThread { LiteRtRunner(artifact, contract, threads, gpu()) }
        else LiteRtRunner(artifact, contract, threads, null)

    /** In float32: what is less does not hold the bounds of the golden replay. */
    private fun gpu() = GpuDelegate(GpuDelegateFactory.Options().setPrecisionLossAllowed(false))
}

private class LiteRtRunner(
    artifact: File,
    private val contract: ComponentContract,
    threads: Int,
    private val gpu: GpuDelegate?,
) : Runner {
    private val options = Interpreter.Options().setNumThreads(threads).apply { if (gpu != null) addDelegate(gpu) }
    private val interpreter = Interpreter(artifact, options)
    private val given = buffers(contract.inputs)
    private val made = buffers(contract.outputs)

    private fun buffers(tensors: List<TensorContract>): Map<String, ByteBuffer> = tensors.associate {
        it.name to ByteBuffer.allocateDirect(4 * it.shape.reduce(Int::times)).order(ByteOrder.nativeOrder())
    }

    override fun set(inputs: List<Tensor>) = contract.inputs.zip(inputs).forEach { (tensor, input) ->
        given.getValue(tensor.name).apply { rewind() }.asFloatBuffer().put(input.values)
    }

    /** Copies the buffers in and out, some hundred kilobytes: this call has no other way. */
    override fun run() {
        (given.values + made.values).forEach { it.rewind() }
        interpreter.runSignature(given, made, "serving_default")
    }

    override fun outputs(): List<Tensor> = contract.outputs.map {
        val buffer = made.getValue(it.name).apply { rewind() }.asFloatBuffer()
        Tensor(it.shape, FloatArray(buffer.remaining()).also(buffer::get))
    }

    override fun close() {
        interpreter.close()
        gpu?.close()
    }
}

/** A GPU delegate runs on the thread that made it. */
private class OneThread(make: () -> Runner) : Runner {
    private val thread = Executors.newSingleThreadExecutor()
    private val runner = there(make)

    private fun <T> there(work: () -> T): T = try {
        thread.submit(Callable(work)).get()
    } catch (error: ExecutionException) {
        throw error.cause ?: error
    }

    override fun set(inputs: List<Tensor>) = there { runner.set(inputs) }

    override fun run() = there { runner.run() }

    override fun outputs(): List<Tensor> = there { runner.outputs() }

    override fun close() {
        there { runner.close() }
        thread.shutdown()
    }
}
