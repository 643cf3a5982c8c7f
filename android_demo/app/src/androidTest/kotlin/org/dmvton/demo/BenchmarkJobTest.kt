package org.dmvton.demo

import android.content.Intent
import androidx.test.ext.junit.runners.AndroidJUnit4
import androidx.test.platform.app.InstrumentationRegistry
import java.io.File
import org.junit.Assert.assertTrue
import org.junit.Test
import org.junit.runner.RunWith

/**
 * A job measured by instrumentation, as device farms start apps: the folder `benchmark` in the assets of this test, or
 * `-e job FILE`. The record is left in `benchmark` of the app's external files, or where `-e out FOLDER` says.
 */
@RunWith(AndroidJUnit4::class)
class BenchmarkJobTest {
    private val instrumentation = InstrumentationRegistry.getInstrumentation()
    private val app = instrumentation.targetContext

    @Test
    fun leavesARecord() {
        val given = InstrumentationRegistry.getArguments()
        val job = given.getString("job")?.let(::File) ?: File(takenAlong(), "job.json")
        val out = given.getString("out")?.let(::File) ?: app.getExternalFilesDir(FOLDER)!!
        val ended = File(out, "ended")
        ended.delete()
        val intent = Intent(app, BenchmarkActivity::class.java).putExtra("job", job.path).putExtra("out", out.path)
        instrumentation.startActivitySync(intent.addFlags(Intent.FLAG_ACTIVITY_NEW_TASK))
        while (!ended.exists()) Thread.sleep(1000) // how long at most, the farm says
        assertTrue("The job ended without a record: see the log.", File(out, "record.json").isFile)
    }

    /** Where an app may read it: since Android 11 it sees no file that others put into shared storage. */
    private fun takenAlong(): File {
        val assets = instrumentation.context.assets
        check(FOLDER in assets.list("").orEmpty()) {
            "There is no job: say -e job, or let `dmvton bench run --device farm:NAME` make one."
        }
        return File(app.cacheDir, FOLDER).also {
            it.deleteRecursively()
            assets.copy(FOLDER, it)
        }
    }

    private companion object {
        const val FOLDER = "benchmark"
    }
}
