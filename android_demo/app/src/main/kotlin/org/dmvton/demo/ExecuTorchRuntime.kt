package org.dmvton.demo

import java.io.File
import org.dmvton.tryonkit.ComponentContract
import org.dmvton.tryonkit.Runner
import org.dmvton.tryonkit.Runtime
import org.dmvton.tryonkit.Target
import org.dmvton.tryonkit.Tensor
import org.dmvton.tryonkit.TryOnException
import org.pytorch.executorch.EValue
import org.pytorch.executorch.Module
import org.pytorch.executorch.Tensor as TorchTensor

/** ExecuTorch: XNNPACK on the CPU. The library does not tell its version. */
class ExecuTorchRuntime : Runtime {
    override val target = Target.EXECUTORCH
    override val versions = emptyMap<String, String>()

    override fun load(artifact: File, contract: ComponentContract, threads: Int): Runner =
        ExecuTorchRunner(artifact, contract, threads)
}

private class ExecuTorchRunner(artifact: File, private val contract: ComponentContract, threads: Int) : Runner {
    private val module = Module.load(artifact.path, Module.LOAD_MODE_MMAP, threads)
    private var given = emptyArray<EValue>()
    private var made = emptyArray<EValue>()

    init {
        val error = module.loadMethod("forward")
        if (error != 0) {
            module.destroy()
            throw TryOnException("ExecuTorch refuses ${artifact.name}: error $error. Raise the library's version.")
        }
    }

    override fun set(inputs: List<Tensor>) {
        given = inputs.map { tensor ->
            val shape = LongArray(tensor.shape.size) { tensor.shape[it].toLong() }
            EValue.from(TorchTensor.fromBlob(tensor.values, shape))
        }.toTypedArray()
    }

    override fun run() {
        made = module.forward(*given)
    }

    override fun outputs(): List<Tensor> = contract.outputs.zip(made.asList()) { tensor, output ->
        Tensor(tensor.shape, output.toTensor().dataAsFloatArray.copyOf())
    }

    override fun close() = module.destroy()
}
