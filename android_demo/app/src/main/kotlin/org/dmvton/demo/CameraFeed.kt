package org.dmvton.demo

import android.annotation.SuppressLint
import android.content.Context
import android.graphics.ImageFormat
import android.hardware.camera2.CameraCaptureSession
import android.hardware.camera2.CameraCharacteristics
import android.hardware.camera2.CameraDevice
import android.hardware.camera2.CameraManager
import android.media.Image
import android.media.ImageReader
import android.os.Handler
import android.os.HandlerThread
import android.util.Size
import android.view.WindowManager
import kotlin.math.abs
import org.dmvton.tryonkit.Pixels
import org.dmvton.tryonkit.Plane
import org.dmvton.tryonkit.TryOnException
import org.dmvton.tryonkit.upright
import org.dmvton.tryonkit.yuvToRgb

/**
 * A camera's frames, upright, on a thread of their own; those that come while one is worked on are dropped.
 *
 * onFrame: on that thread. onProblem: what the camera says, on that thread too.
 */
class CameraFeed(
    context: Context,
    private val onFrame: (Pixels) -> Unit,
    private val onProblem: (Exception) -> Unit,
) {
    private val manager = context.getSystemService(Context.CAMERA_SERVICE) as CameraManager
    private val thread = HandlerThread("frames").apply { start() }
    private val handler = Handler(thread.looper)
    private val display = (context.getSystemService(Context.WINDOW_SERVICE) as WindowManager).defaultDisplay
    private var device: CameraDevice? = null
    private var reader: ImageReader? = null
    private var unanswered = 0 // cameras that were asked to open
    private var isEnding = false

    /** facing: CameraCharacteristics.LENS_FACING_BACK or _FRONT. The app holds the camera's permission. */
    fun start(facing: Int) = onThread {
        close()
        val id = manager.cameraIdList.firstOrNull { of(it, CameraCharacteristics.LENS_FACING) == facing }
            ?: throw TryOnException("This phone has no such camera.")
        open(id, isMirrored = facing == CameraCharacteristics.LENS_FACING_FRONT)
    }

    fun stop() = onThread(::close)

    /** The last of it: what is still opening is closed when it answers. */
    fun end() = onThread {
        close()
        isEnding = true
        endIfAnswered()
    }

    private fun endIfAnswered() {
        if (isEnding && unanswered == 0) thread.quitSafely()
    }

    private fun onThread(work: () -> Unit) {
        handler.post { guarded(work) }
    }

    private fun guarded(work: () -> Unit) {
        try {
            work()
        } catch (error: Exception) { // of a camera that is taken, or of the network: the next frame may be better
            onProblem(error)
        }
    }

    @SuppressLint("MissingPermission")
    private fun open(id: String, isMirrored: Boolean) {
        val degrees = of(id, CameraCharacteristics.SENSOR_ORIENTATION) ?: 0
        val streams = of(id, CameraCharacteristics.SCALER_STREAM_CONFIGURATION_MAP)
        val sizes = streams?.getOutputSizes(ImageFormat.YUV_420_888).orEmpty()
        val size = sizes.minByOrNull { abs(it.width * it.height - PIXELS) }
            ?: throw TryOnException("This camera gives no frames that an app can read.")
        val reader = reader(size, degrees, isMirrored)
        this.reader = reader
        manager.openCamera(id, Opened(reader), handler)
        unanswered += 1
    }

    private fun reader(size: Size, degrees: Int, isMirrored: Boolean): ImageReader {
        val reader = ImageReader.newInstance(size.width, size.height, ImageFormat.YUV_420_888, 2)
        reader.setOnImageAvailableListener({
            guarded {
                val image = reader.acquireLatestImage() ?: return@guarded
                onFrame(image.use(::rgb).upright(toScreen(degrees, isMirrored), isMirrored))
            }
        }, handler)
        return reader
    }

    /** Clockwise, from the sensor to the screen as it is held now; a camera that faces its user sees it turn backwards. */
    private fun toScreen(sensor: Int, isFront: Boolean): Int {
        val screen = 90 * display.rotation
        return (if (isFront) sensor + screen else sensor - screen + 360) % 360
    }

    private fun close() {
        device?.close()
        reader?.close()
        device = null
        reader = null
    }

    private fun <T> of(id: String, key: CameraCharacteristics.Key<T>): T? =
        manager.getCameraCharacteristics(id).get(key)

    private inner class Opened(private val reader: ImageReader) : CameraDevice.StateCallback() {
        private var isAnswered = false

        private fun answer() {
            if (!isAnswered) unanswered -= 1
            isAnswered = true
            endIfAnswered()
        }

        override fun onOpened(camera: CameraDevice) {
            answer()
            if (reader != this@CameraFeed.reader) return camera.close() // stopped, or started anew, meanwhile
            device = camera
            guarded { camera.createCaptureSession(listOf(reader.surface), Configured(camera, reader), handler) }
        }

        override fun onDisconnected(camera: CameraDevice) {
            answer()
            camera.close()
            onProblem(TryOnException("Another app has taken the camera: close it, and come back."))
        }

        override fun onError(camera: CameraDevice, error: Int) {
            answer()
            camera.close()
            onProblem(TryOnException("The camera does not open (error $error): close other apps that use it."))
        }
    }

    private inner class Configured(private val camera: CameraDevice, private val reader: ImageReader) :
        CameraCaptureSession.StateCallback() {
        override fun onConfigured(session: CameraCaptureSession) = guarded {
            val request = camera.createCaptureRequest(CameraDevice.TEMPLATE_PREVIEW).apply { addTarget(reader.surface) }
            session.setRepeatingRequest(request.build(), null, handler)
        }

        override fun onConfigureFailed(session: CameraCaptureSession) =
            onProblem(TryOnException("The camera does not give frames of this size."))
    }

    private companion object {
        const val PIXELS = 640 * 480 // more shows no more: the network sees 256x192 of them
    }
}

/** A frame of YUV_420_888, as the sensor gave it. */
private fun rgb(image: Image): Pixels {
    val (y, u, v) = image.planes.map { plane ->
        val bytes = ByteArray(plane.buffer.remaining())
        plane.buffer.get(bytes)
        Plane(bytes, plane.rowStride, plane.pixelStride)
    }
    return yuvToRgb(y, u, v, image.height, image.width)
}
