package org.dmvton.tryonkit

import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable

@Serializable
enum class DeviceKind {
    @SerialName("host") HOST,
    @SerialName("cuda") CUDA,
    @SerialName("linux") LINUX,
    @SerialName("android") ANDROID,
    @SerialName("ios") IOS,
}

/** What does not change of a device. name: as it was asked for. system: `Android 16`. */
@Serializable
data class Device(
    val kind: DeviceKind,
    val name: String,
    val model: String? = null,
    val processor: String? = null,
    val accelerator: String? = null,
    val abi: String? = null,
    val cores: Int? = null,
    val memoryBytes: Long? = null,
    val system: String? = null,
)

/**
 * Of the device at one moment. load: processors that other work keeps busy. foreground: whether the app is in front.
 */
@Serializable
data class DeviceState(
    val governors: List<String>? = null,
    val frequenciesKhz: List<Long>? = null,
    val temperatureCelsius: Double? = null,
    val throttled: Boolean? = null,
    val batteryPercent: Double? = null,
    val charging: Boolean? = null,
    val lowPower: Boolean? = null,
    val foreground: Boolean? = null,
    val freeMemoryBytes: Long? = null,
    val load: Double? = null,
)

/** What an app can ask its device. null for what it does not tell. */
interface Probes {
    val memoryKind: MemoryKind

    fun device(name: String): Device

    fun state(): DeviceState

    /** Of this process now; it may take longer than a frame. */
    fun memoryBytes(): Long?
}
