package org.dmvton.tryonkit

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
    fun `a file of tensors that lies is refused`() {
        val good = TestBundle.safetensors(mapOf("a" to Tensor(listOf(2), floatArrayOf(1f, 2f))))
        assertRefused { Safetensors(good.copyOf(7)) }
        assertRefused { Safetensors(good.copyOf(20)) }
        assertRefused { Safetensors(good.copyOf(good.size - 1)).floats("a") }
        val many = List(23) { 8 }.joinToString(",")
        for (header in listOf(
            """{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""",
            """{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""",
            """{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""",
            """{"a":{"dtype":"F32","shape":[2],"data_offsets":[-8,0]}}""",
            """{"a":{"dtype":"F32","shape":[$many],"data_offsets":[0,8]}}""",
            """{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,8]}}""",
            """{"a":{"dtype":"F32","shape":["2"],"data_offsets":[0,8]}}""",
            """[]""",
        )) {
            assertRefused(header) { Safetensors(TestBundle.tensorsFile(header, ByteArray(8))).floats("a") }
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
