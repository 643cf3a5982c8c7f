package org.dmvton.demo

import android.Manifest.permission.CAMERA
import android.app.Activity
import android.app.AlertDialog
import android.content.Intent
import android.content.pm.ApplicationInfo
import android.content.pm.PackageManager
import android.graphics.Bitmap
import android.hardware.camera2.CameraCharacteristics.LENS_FACING_BACK
import android.hardware.camera2.CameraCharacteristics.LENS_FACING_FRONT
import android.net.Uri
import android.os.Bundle
import android.os.Debug
import android.view.WindowManager
import java.util.concurrent.Executors
import java.util.concurrent.ScheduledFuture
import java.util.concurrent.TimeUnit
import org.dmvton.tryonkit.Pixels
import org.dmvton.tryonkit.Precision
import org.dmvton.tryonkit.SystemClock
import org.dmvton.tryonkit.TryOnBundle

/** The live try-on, or that of a photo. Frames are made on the camera's thread, all else on another. */
class TryOnActivity : Activity() {
    private val work = Executors.newSingleThreadScheduledExecutor()
    private lateinit var screen: Screen
    private lateinit var camera: CameraFeed
    private var facing = LENS_FACING_BACK
    private var shown: Bitmap? = null
    private var figures: ScheduledFuture<*>? = null

    // Of the thread of work
    private val installation by lazy { Installation(this) }
    private var bundle: TryOnBundle? = null
    private var garment: Garment? = null

    @Volatile
    private var fitting: Fitting? = null

    /** Instead of the camera. */
    @Volatile
    private var photo: Pixels? = null

    @Volatile
    private var frameMs: Double? = null

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        window.addFlags(WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON)
        screen = Screen(this)
        setContentView(screen)
        addButtons()
        camera = CameraFeed(this, { show(it, isLive = true) }, ::onProblem)
        perform("Checking the bundle") {
            Garment.embedded(this).forEach(::add)
            use(installation.begin())
        }
        if (!mayUseCamera()) requestPermissions(arrayOf(CAMERA), 0)
    }

    private fun addButtons() {
        screen.addButton("Camera", ::turnCamera)
        screen.addButton("Photo") { pick(PHOTO, "image/*") }
        screen.addButton("Garment") { pick(GARMENT, "image/*") }
        screen.addButton("Share") { shown?.let(::share) }
        screen.addButton("Runtime", ::chooseRuntime)
        screen.addButton("Bundle") { pick(BUNDLE, "*/*") }
    }

    override fun onResume() {
        super.onResume()
        figures = work.scheduleWithFixedDelay(::tellFigures, 1, 1, TimeUnit.SECONDS)
        startCamera()
    }

    override fun onPause() {
        figures?.cancel(false)
        camera.stop()
        super.onPause()
    }

    override fun onDestroy() {
        camera.end()
        work.execute { fitting?.close() }
        work.shutdown()
        super.onDestroy()
    }

    override fun onRequestPermissionsResult(code: Int, permissions: Array<String>, results: IntArray) {
        startCamera()
        if (!mayUseCamera()) work.execute { say("Without the camera: choose a photo, or allow it in the settings.") }
    }

    private fun mayUseCamera() = checkSelfPermission(CAMERA) == PackageManager.PERMISSION_GRANTED

    private fun startCamera() {
        if (photo == null && mayUseCamera()) camera.start(facing)
    }

    /** From a photo back to the camera; else to the other one. */
    private fun turnCamera() {
        if (!mayUseCamera()) return requestPermissions(arrayOf(CAMERA), 0)
        if (photo == null) facing = if (facing == LENS_FACING_BACK) LENS_FACING_FRONT else LENS_FACING_BACK
        photo = null
        startCamera()
    }

    private fun pick(code: Int, type: String) {
        val document = Intent(Intent.ACTION_OPEN_DOCUMENT).addCategory(Intent.CATEGORY_OPENABLE).setType(type)
        startActivityForResult(document, code)
    }

    override fun onActivityResult(code: Int, result: Int, data: Intent?) {
        val picked: Uri = data?.data ?: return
        when (code) {
            PHOTO -> perform("Reading the photo") {
                photo = readPicture(picked, PHOTO_SIDE).rgb()
                camera.stop() // which began anew when this came back to the front
                refresh()
            }
            GARMENT -> perform("Reading the garment") { wear(Garment.read(this, picked).also(::add)) }
            BUNDLE -> perform("Installing the bundle") { use(installation.install(picked)) }
        }
    }

    private fun share(picture: Bitmap) = perform("Sharing") { startActivity(SharedPicture.share(this, picture)) }

    private fun chooseRuntime() = perform("") {
        val choices = parts.runtimes.flatMap { (name, runtime) ->
            bundle?.manifest?.precisions(runtime.target).orEmpty().map { "$name, $it" to { load(name, it) } }
        }
        runOnUiThread {
            if (isDestroyed) return@runOnUiThread
            AlertDialog.Builder(this).setItems(choices.map { it.first }.toTypedArray()) { _, index ->
                perform("Loading the network") { choices[index].second() }
            }.show()
        }
    }

    // What follows is done on the thread of work

    private fun use(found: TryOnBundle?) {
        bundle = found
        val precisions = parts.runtimes.mapValues { found?.manifest?.precisions(it.value.target).orEmpty() }
        val first = precisions.entries.firstOrNull { it.value.isNotEmpty() }
        if (first == null) return say("There is no bundle for Android yet: make one with `dmvton convert`, then pick it.")
        load(first.key, first.value.first())
    }

    private fun load(runtime: String, precision: Precision) {
        val made = Fitting(bundle ?: return, parts.runtimes.getValue(runtime), precision)
        val isDebuggable = applicationInfo.flags and ApplicationInfo.FLAG_DEBUGGABLE != 0
        try {
            if (isDebuggable) made.replay()
            garment?.let(made::wear)
        } catch (error: Throwable) { // whatever the runtime ran into
            made.close()
            throw error
        }
        fitting?.close()
        fitting = made
        refresh()
    }

    private fun add(garment: Garment) = runOnUiThread {
        screen.addGarment(garment.picture) { perform("Fitting the garment") { wear(garment) } }
    }

    private fun wear(chosen: Garment) {
        garment = chosen
        fitting?.wear(chosen)
        refresh()
    }

    /** The photo anew; a camera's next frame comes by itself. */
    private fun refresh() {
        photo?.let { show(it, isLive = false) }
    }

    private fun tellFigures() {
        val manifest = bundle?.manifest
        val text = listOfNotNull(
            frameMs?.let { "frame %.0f ms".format(it) },
            "PSS ${Debug.getPss() / 1024} MB",
            "thermal: ${thermalName(parts.thermalStatus())}",
            manifest?.let { if (it.trained) it.network else "${it.network}, untrained" },
            bundle?.let { if (it.isSigned) "signed" else "unsigned" },
        ).joinToString("  ")
        runOnUiThread { screen.tell(text) }
    }

    /** Input, network and composition. On the camera's thread, of a photo on that of work. */
    private fun show(picture: Pixels, isLive: Boolean) {
        val started = SystemClock.seconds
        val made = (fitting?.dress(picture) ?: picture).bitmap()
        frameMs = (SystemClock.seconds - started) * 1e3
        runOnUiThread {
            if (isLive != (photo == null)) return@runOnUiThread // a last frame of the camera, or of a photo
            shown = made
            screen.show(made, guided = isLive)
        }
    }

    private fun onProblem(error: Throwable) = say(error.message ?: error.toString())

    private fun say(text: String) = runOnUiThread { screen.say(text) }

    /** On the thread of work. saying: what the screen tells meanwhile. */
    private fun perform(saying: String, job: () -> Unit) = work.execute {
        say(saying)
        try {
            job()
            if (saying.isNotEmpty() && bundle != null) say("")
        } catch (error: Throwable) { // a runtime's library throws errors, too; the app goes on
            onProblem(error)
        }
    }

    private companion object {
        const val PHOTO = 1
        const val GARMENT = 2
        const val BUNDLE = 3
        const val PHOTO_SIDE = 4096
    }
}
