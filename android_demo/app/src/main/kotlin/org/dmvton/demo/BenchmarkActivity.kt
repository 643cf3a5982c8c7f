package org.dmvton.demo

import android.app.Activity
import android.content.Intent
import android.os.Bundle
import android.util.Log
import android.view.Gravity
import android.view.WindowManager.LayoutParams.FLAG_KEEP_SCREEN_ON
import android.view.WindowManager.LayoutParams.FLAG_SHOW_WHEN_LOCKED
import android.view.WindowManager.LayoutParams.FLAG_TURN_SCREEN_ON
import android.widget.TextView
import java.io.File
import kotlin.concurrent.thread
import org.dmvton.tryonkit.Benchmark
import org.dmvton.tryonkit.SystemClock

/**
 * Measures a job as soon as it is in front: `--es job FILE --es out FOLDER`, as `benchmarks/devices/android.py` starts
 * it.
 *
 * The folder then holds `record.json`, and in the end `ended`.
 */
class BenchmarkActivity : Activity() {
    @Volatile
    private var isInFront = false
    private var asked: Intent? = null
    private var measuring: Thread? = null
    private lateinit var step: TextView

    override fun onCreate(saved: Bundle?) {
        super.onCreate(saved)
        window.addFlags(FLAG_KEEP_SCREEN_ON or FLAG_TURN_SCREEN_ON or FLAG_SHOW_WHEN_LOCKED)
        step = TextView(this).apply { gravity = Gravity.CENTER }
        setContentView(step)
        if (saved == null) asked = intent // else its process died with it
    }

    override fun onNewIntent(intent: Intent) {
        super.onNewIntent(intent)
        asked = intent
    }

    override fun onResume() {
        super.onResume()
        isInFront = true
        if (measuring?.isAlive == true) return
        val (job, out) = listOf("job", "out").map { asked?.getStringExtra(it) }
        asked = null
        when {
            job != null && out != null -> measuring = thread(name = "benchmark") { measure(File(job), File(out)) }
            measuring == null -> step.text = "A benchmark needs a job and a folder: let `dmvton bench run` start it."
        }
    }

    override fun onPause() {
        isInFront = false
        super.onPause()
    }

    /** On a thread of its own: nothing else of the app runs beside it. */
    private fun measure(job: File, out: File) {
        val runtimes = parts.runtimes.values.toList()
        val said = try {
            val record = Benchmark(job, out, runtimes, SystemClock, PhoneProbes(this) { isInFront }).run(::say)
            "${record.runs.count { it.failure == null }} of ${record.runs.size} runs were measured. `dmvton bench` reads the record."
        } catch (error: Exception) { // whatever it is, whoever watches is told
            Log.e("dmvton", "The benchmark ended", error)
            "The benchmark ended: ${error.message}"
        }
        say(said)
    }

    private fun say(text: String) = runOnUiThread { step.text = text }
}
