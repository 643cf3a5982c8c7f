package org.dmvton.tryonkit

import kotlin.math.abs
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue

/** A case of the vectors, or of another file of tensors; with Python's answer. */
internal class CompositeCase(name: String, arrays: Safetensors = Vectors.arrays) {
    val photo = arrays.pixels("composite.$name.photo")
    val garment = GarmentPicture(arrays.pixels("composite.$name.garment"), arrays.pixels("composite.$name.mask"))
    val answer = arrays.pixels("composite.$name.answer")
    val outputs = FrameOutputs(
        arrays.floats("composite.$name.flow"), arrays.floats("composite.$name.composition"),
        arrays.floats("composite.$name.rendered"), arrays.floats("composite.$name.person"),
    )

    fun composited(
        alignCorners: Boolean,
        outputs: FrameOutputs = this.outputs,
        garment: GarmentPicture = this.garment,
    ) = composite(photo, Window.person(photo.size), garment, outputs, alignCorners)
}

/** That a composite is Python's within the contract's tolerance, and the photo outside the window. */
fun assertAgrees(name: String, answer: Pixels, made: Pixels, photo: Pixels) {
    assertEquals(name, answer.size, made.size)
    val window = Window.person(photo.size)
    var most = 0
    var near = 0
    for (index in made.bytes.indices) {
        val x = index / 3 % made.width
        val y = index / 3 / made.width
        val isInside = x - window.left in 0 until window.width && y < window.height
        if (!isInside) assertEquals("$name, outside the window at $x, $y", photo.bytes[index], made.bytes[index])
        val difference = abs(made.bytes.sample(index) - answer.bytes.sample(index))
        most = maxOf(most, difference)
        if (difference <= 1) near += 1
    }
    val share = near.toDouble() / made.bytes.size
    println("composite $name: largest difference $most, within 1: ${share * 100} %")
    assertTrue("$name: ${share * 100} % of bytes are within 1", share >= 0.999)
    assertTrue("$name: a byte is off by $most", most <= 3)
}
