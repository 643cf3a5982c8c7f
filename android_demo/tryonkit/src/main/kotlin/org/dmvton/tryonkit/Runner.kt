package org.dmvton.tryonkit

import java.io.File

/** What loads artifacts of one target. */
interface Runtime {
    val target: Target

    /** Of what it runs on, by name. */
    val versions: Map<String, String>

    /** threads: where the runtime lets an app choose. Throws where the artifact cannot be loaded. */
    fun load(artifact: File, contract: ComponentContract, threads: Int): Runner
}

/**
 * One artifact in its runtime. Inputs lie in it already when it runs; outputs are read when it is done. Tensors are in
 * the artifact's own layouts and order.
 */
interface Runner : AutoCloseable {
    fun set(inputs: List<Tensor>)

    /** What a benchmark times. */
    fun run()

    /** Of the last run: copies. */
    fun outputs(): List<Tensor>

    override fun close()
}

/** An artifact that is run by name, NCHW, whatever its layouts are. Throws where the runtime cannot load it. */
class Session(artifact: Manifest.Artifact, bundle: TryOnBundle, runtime: Runtime, threads: Int) : AutoCloseable {
    val contract: ComponentContract = artifact.contract
    internal val runner: Runner = runtime.load(bundle.place(artifact), contract, threads)

    /**
     * Every input of the contract by name -> every output. Throws TryOnException for a missing input, or another shape.
     */
    fun run(inputs: Map<String, Tensor>): Map<String, Tensor> {
        set(inputs)
        runner.run()
        return outputs()
    }

    internal fun set(inputs: Map<String, Tensor>) = runner.set(
        contract.inputs.map { tensor ->
            val input = inputs[tensor.name]
                ?: throw TryOnException("${contract.component} needs the input ${tensor.name}, which is not there.")
            tensor.held(input)
        },
    )

    internal fun outputs(): Map<String, Tensor> {
        val given = runner.outputs()
        if (given.size != contract.outputs.size) {
            val named = contract.outputs.size
            throw TryOnException("${contract.component} gives ${given.size} outputs, its contract names $named.")
        }
        return contract.outputs.zip(given).associate { (tensor, output) -> tensor.name to tensor.nchw(output) }
    }

    override fun close() = runner.close()
}
