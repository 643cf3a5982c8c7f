package org.dmvton.tryonkit

// A camera's frame as the picture that everything starts from, by the rule of `dmvton_mobile/imaging/camera.py`.

/** Samples of one kind. rowStride, pixelStride: bytes from one row, or sample, to the next. */
class Plane(val data: ByteArray, val rowStride: Int, val pixelStride: Int) {
    /** Throws TryOnException where the plane is too short for samples [height, width]. */
    internal fun requireSamples(height: Int, width: Int) {
        val last = (height - 1) * rowStride + (width - 1) * pixelStride
        if (pixelStride < 1 || rowStride < 1 + (width - 1) * pixelStride || last >= data.size) {
            throw TryOnException(
                "A plane of ${data.size} bytes, $rowStride from row to row and $pixelStride from sample to sample, " +
                    "does not hold ${width}x$height samples.",
            )
        }
    }

    internal fun sample(y: Int, x: Int): Int = data.sample(y * rowStride + x * pixelStride)
}

/**
 * YUV 4:2:0, full range, ITU-R 601, to RGB [height, width, 3]: a pixel takes the chroma sample (y / 2, x / 2). Throws
 * TryOnException for a plane that is too short.
 */
fun yuvToRgb(y: Plane, u: Plane, v: Plane, height: Int, width: Int): Pixels {
    y.requireSamples(height, width)
    for (chroma in listOf(u, v)) chroma.requireSamples((height + 1) / 2, (width + 1) / 2)
    val rgb = ByteArray(height * width * 3)
    eachAtOnce(height) { row ->
        var place = row * width * 3
        for (column in 0 until width) {
            val luma = y.sample(row, column)
            val blue = u.sample(row / 2, column / 2) - 128
            val red = v.sample(row / 2, column / 2) - 128
            rgb[place++] = (luma + (91881 * red + 32768 shr 16)).coerceIn(0, 255).toByte()
            rgb[place++] = (luma + (-22554 * blue - 46802 * red + 32768 shr 16)).coerceIn(0, 255).toByte()
            rgb[place++] = (luma + (116130 * blue + 32768 shr 16)).coerceIn(0, 255).toByte()
        }
    }
    return Pixels(height, width, 3, rgb)
}

/**
 * BGRA, four bytes a pixel, rows padded to rowBytes, to RGB [height, width, 3]; alpha is dropped. Throws TryOnException
 * where there are too few bytes.
 */
fun bgraToRgb(data: ByteArray, rowBytes: Int, height: Int, width: Int): Pixels {
    if (rowBytes < 4 * width || data.size < (height - 1) * rowBytes + 4 * width) {
        throw TryOnException(
            "${data.size} bytes, $rowBytes from row to row, do not hold ${width}x$height pixels of BGRA.",
        )
    }
    val rgb = ByteArray(height * width * 3) { place ->
        val pixel = place / 3
        data[pixel / width * rowBytes + pixel % width * 4 + 2 - place % 3]
    }
    return Pixels(height, width, 3, rgb)
}

/**
 * Turned clockwise by the sensor's degrees, then, of a camera that faces its user, mirrored left to right. Throws
 * TryOnException for another angle than 0, 90, 180, 270.
 */
fun Pixels.upright(degrees: Int, mirrored: Boolean): Pixels {
    if (degrees !in listOf(0, 90, 180, 270)) {
        throw TryOnException("A sensor is turned by one of 0, 90, 180, 270 degrees, not by $degrees.")
    }
    val turned = if (degrees % 180 == 0) size else Size(height = width, width = height)
    val made = ByteArray(bytes.size)
    eachAtOnce(turned.height) { y ->
        var place = y * turned.width * channels
        for (column in 0 until turned.width) {
            val x = if (mirrored) turned.width - 1 - column else column
            val pixel = when (degrees) {
                90 -> (height - 1 - x) * width + y
                180 -> (height - 1 - y) * width + width - 1 - x
                270 -> x * width + width - 1 - y
                else -> y * width + x
            }
            for (channel in 0 until channels) made[place++] = bytes[pixel * channels + channel]
        }
    }
    return Pixels(turned.height, turned.width, channels, made)
}
