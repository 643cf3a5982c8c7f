package org.dmvton.demo

import android.app.ActivityManager
import android.content.Context
import android.content.Intent
import android.content.IntentFilter
import android.os.BatteryManager
import android.os.Build
import android.os.Debug
import android.os.PowerManager
import java.io.File
import java.io.IOException
import org.dmvton.tryonkit.Device
import org.dmvton.tryonkit.DeviceKind
import org.dmvton.tryonkit.DeviceState
import org.dmvton.tryonkit.MemoryKind
import org.dmvton.tryonkit.Probes

/** What Android tells an app of its device. How busy other apps keep it is no longer told since Android 8. */
class PhoneProbes(private val context: Context, private val isInFront: () -> Boolean) : Probes {
    override val memoryKind = MemoryKind.PSS

    override fun device(name: String) = Device(
        kind = DeviceKind.ANDROID,
        name = name,
        model = "${Build.MANUFACTURER} ${Build.MODEL}",
        processor = Build.HARDWARE,
        abi = Build.SUPPORTED_ABIS.firstOrNull(),
        cores = java.lang.Runtime.getRuntime().availableProcessors(),
        memoryBytes = memory().totalMem,
        system = "Android ${Build.VERSION.RELEASE}, API ${Build.VERSION.SDK_INT}",
    )

    override fun state(): DeviceState {
        val battery = context.registerReceiver(null, IntentFilter(Intent.ACTION_BATTERY_CHANGED))
        val power = context.getSystemService(Context.POWER_SERVICE) as PowerManager
        return DeviceState(
            governors = ofEachProcessor("scaling_governor"),
            frequenciesKhz = ofEachProcessor("scaling_cur_freq")?.map { it.toLong() },
            temperatureCelsius = temperature(battery),
            throttled = context.parts.thermalStatus()?.let(::isThrottled),
            batteryPercent = battery?.let(::percent),
            charging = battery?.let { it.getIntExtra(BatteryManager.EXTRA_PLUGGED, 0) != 0 },
            lowPower = power.isPowerSaveMode,
            foreground = isInFront(),
            freeMemoryBytes = memory().availMem,
        )
    }

    /** It takes some tens of milliseconds. */
    override fun memoryBytes(): Long? = (Debug.getPss() * 1024).takeIf { it > 0 }

    private fun memory() = ActivityManager.MemoryInfo().also {
        (context.getSystemService(Context.ACTIVITY_SERVICE) as ActivityManager).getMemoryInfo(it)
    }
}

private fun percent(battery: Intent): Double? {
    val level = battery.getIntExtra(BatteryManager.EXTRA_LEVEL, -1)
    val scale = battery.getIntExtra(BatteryManager.EXTRA_SCALE, -1)
    return if (level < 0 || scale <= 0) null else 100.0 * level / scale
}

/** Of the hottest zone that an app may read: on most phones that is the battery's. */
private fun temperature(battery: Intent?): Double? {
    val tenths = battery?.getIntExtra(BatteryManager.EXTRA_TEMPERATURE, Int.MIN_VALUE)?.takeIf { it != Int.MIN_VALUE }
    val zones = folders("/sys/class/thermal", "thermal_zone").mapNotNull { text(File(it, "temp"))?.toDoubleOrNull() }
    val degrees = zones.map { it / 1000 } + listOfNotNull(tenths?.let { it / 10.0 })
    return degrees.filter { it in -60.0..200.0 }.maxOrNull()
}

/** null unless every processor tells. */
private fun ofEachProcessor(name: String): List<String>? {
    val told = folders("/sys/devices/system/cpu", "cpu").map { text(File(it, "cpufreq/$name")) }
    return told.filterNotNull().takeIf { it.isNotEmpty() && it.size == told.size }
}

/** NAME0, NAME1, ... in their order. */
private fun folders(place: String, name: String): List<File> =
    File(place).listFiles().orEmpty()
        .mapNotNull { folder -> folder.name.removePrefix(name).toIntOrNull()?.let { it to folder } }
        .sortedBy { it.first }
        .map { it.second }

private fun text(file: File): String? = try {
    file.readText().trim().ifEmpty { null }
} catch (_: IOException) {
    null // most of these are closed to apps
}
