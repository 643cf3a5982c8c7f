import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.android.application)
    alias(libs.plugins.kotlin.android)
}

// A garment to begin with
val garments = tasks.register<Copy>("garments") {
    from("../../examples") { include("sweater.png") }
    into(layout.buildDirectory.dir("assets/garments"))
}

android {
    namespace = "org.dmvton.demo"
    compileSdk = 36

    defaultConfig {
        applicationId = "org.dmvton.demo"
        minSdk = 24
        targetSdk = 36
        versionCode = 1
        versionName = "1"
        testInstrumentationRunner = "androidx.test.runner.AndroidJUnitRunner"
    }

    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_11
        targetCompatibility = JavaVersion.VERSION_11
    }

    sourceSets["main"].assets.srcDir(layout.buildDirectory.dir("assets"))
}

kotlin { compilerOptions { jvmTarget = JvmTarget.JVM_11 } }

tasks.named("preBuild") { dependsOn(garments) }

dependencies {
    implementation(project(":tryonkit"))
    implementation(libs.litert)
    implementation(libs.litert.gpu)
    implementation(libs.litert.gpu.api)
    implementation(libs.executorch)
    testImplementation(libs.junit)
    androidTestImplementation(libs.androidx.test.runner)
    androidTestImplementation(libs.androidx.test.junit)
}
