package org.dmvton.tryonkit

import java.util.Base64
import org.junit.Assert.assertEquals
import org.junit.Test

class FormatTest {
    @Test
    fun `tensors come back`() {
        val tensor = Tensor(listOf(1, 2, 1, 3), floatArrayOf(0f, -1.5f, 3.14159f, 1e-30f, Float.MAX_VALUE, 7f))
        val file = Safetensors(TestBundle.safetensors(mapOf("a" to tensor)))
        assertEquals(setOf("a"), file.names)
        assertEquals(tensor, file.floats("a"))
        assertRefused { file.floats("b") }
        assertRefused { file.bytes("a") }
    }

    @Test
    fun `files of tensors`() {
        for (case in Vectors.cases.tensorFiles) {
            val file = Base64.getDecoder().decode(case.base64)
            if (case.values == null) {
                assertRefused(case.name) { Safetensors(file).floats("a") }
            } else {
                assertEquals(case.name, Tensor(case.shape!!, case.values.toFloatArray()), Safetensors(file).floats("a"))
            }
        }
    }

    @Test
    fun `layouts go there and back`() {
        val contract = TensorContract("t", Kind.RGB, Layout.NHWC, listOf(1, 2, 2, 3))
        val nchw = Tensor(listOf(1, 3, 2, 2), FloatArray(12) { it.toFloat() })
        val held = contract.held(nchw)
        val exchanged = floatArrayOf(0f, 4f, 8f, 1f, 5f, 9f, 2f, 6f, 10f, 3f, 7f, 11f)
        assertEquals(Tensor(listOf(1, 2, 2, 3), exchanged), held)
        assertEquals(nchw, contract.nchw(held))
        assertRefused { contract.held(held) }
        assertRefused { contract.nchw(nchw) }
    }
}
