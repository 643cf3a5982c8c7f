"""Do the apps' tests see what goes wrong? Makes one fault after the other in a copy of a kit, and expects red.

    python .ci/app_faults.py [NAME ...]     # all faults without a name; needs what `.ci/apps-ios make` made

A fault that no test sees ends this with 1, and so does one whose place is no longer in the code. Twenty take ten
minutes.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parents[1]
KIT = Path("ios_demo/TryOnKit/Sources/TryOnKit")
RED = "issue"  # Swift Testing's word for what failed; a fault that does not compile proves nothing

FAULTS = {
    "crop rounded up": ("Window.swift", "photo.height * 3 / 4", "(photo.height * 3 + 3) / 4"),
    "crop at the bottom": ("Window.swift", "left: (photo.width - width) / 2, top: 0", "left: 0, top: 0"),
    "canvas rounded down": ("Window.swift", "(picture.width * 4 + 2) / 3", "picture.width * 4 / 3"),
    "padding black": ("Window.swift", "channels == 1 ? 0 : 255", "0"),
    "filter without half a pixel": ("AxisFilter.swift", "(Double(index) + 0.5) * scale", "Double(index) * scale"),
    "filter not stretched": ("AxisFilter.swift", "let stretch = max(1, scale)", "let stretch = 1.0"),
    "fixed point not rounded": ("AxisFilter.swift", "var sum: Int32 = 1 << 21", "var sum: Int32 = 0"),
    "U and V swapped": ("CameraFrame.swift", "let blue = u[row / 2", "let blue = v[row / 2"),
    "BGR": ("CameraFrame.swift", "made[count] = bgra[place + 2]", "made[count] = bgra[place]"),
    "turned the other way": (
        "CameraFrame.swift",
        "case 90: (row, place) = (height - 1 - x, y)",
        "case 90: (row, place) = (x, width - 1 - y)",
    ),
    "not mirrored": (
        "CameraFrame.swift",
        "let x = mirrored ? turned.width - 1 - column : column",
        "let x = column",
    ),
    "flow x and y swapped": (
        "NetworkMaps.swift",
        "Self.pixel(flow[index], of: width",
        "Self.pixel(flow[count + index], of: width",
    ),
    "align_corners ignored": ("NetworkMaps.swift", ": ((flow + 1) * count - 1) / 2", ": (flow + 1) / 2 * (count - 1)"),
    "median above the middle": (
        "NetworkMaps.swift",
        "areas.sorted()[(areas.count - 1) / 2]",
        "areas.sorted()[areas.count - 1]",
    ),
    "garment not reduced": ("GarmentPicture.swift", "let divisor = density > 1 ? density : 1", "let divisor = 1.0"),
    "agreement everywhere": ("Agreement.swift", "(disagreesAbove - largest)", "(disagreesAbove - largest * 0)"),
    "hash not padded": ("Sha256.swift", "[0x80] + [UInt8]", "[0x00] + [UInt8]"),
    "digest not checked": (
        "Manifest.swift",
        "guard Sha256.digest(unsealed) == digest else",
        "guard !unsealed.isEmpty else",
    ),
    "paths not checked": (
        "Manifest.swift",
        "return part.allSatisfy(isPlain) && part.first != nil",
        "return part.first != dot || true",
    ),
    "content not hashed": (
        "TryOnBundle.swift",
        "try Sha256.digest(ofFile: file) == record.sha256 else",
        "file.isFileURL else",
    ),
    "bombs unpacked": ("BundleZip.swift", "guard total <= mostTimes * zipBytes else", "guard total >= 0 else"),
    "encrypted taken": ("BundleZip.swift", "if entry.flags & 1 != 0", "if entry.flags & 0x8000 != 0"),
    "percentile by nearest rank": ("Statistics.swift", "(position - Double(below))", "0"),
    "drift of the first quarter alone": (
        "Statistics.swift",
        "median(samples.suffix(quarter)) /",
        "median(samples.prefix(quarter)) /",
    ),
    "PSNR of half the peak": ("Replay.swift", "10 * log10(peak * peak / error)", "10 * log10(peak / error)"),
    "invalid passes": ("Judge.swift", "passed: validity != .invalid &&", "passed:"),
    "warm after counts": ("Judge.swift", 'return when == "before" ? found', 'return when != "" ? found'),
}


def main() -> int:
    chosen = sys.argv[1:] or list(FAULTS)
    unseen = []
    for name in chosen:
        file, right, wrong = FAULTS[name]
        with tempfile.TemporaryDirectory(prefix="dmvton-faults-") as made:
            copy = Path(made)
            for part in (".ci", "ios_demo", "tests/golden/apps"):
                shutil.copytree(HERE / part, copy / part)
            source = copy / KIT / file
            text = source.read_text(encoding="utf-8")
            if right not in text:
                print(f"{name}: {file} no longer holds {right!r}", flush=True)
                unseen.append(name)
                continue
            source.write_text(text.replace(right, wrong, 1), encoding="utf-8")
            ran = subprocess.run([copy / ".ci/apps-ios", "test"], capture_output=True, text=True, check=False)
        seen = ran.returncode != 0 and RED in ran.stdout + ran.stderr
        print(f"{name}: {'red' if seen else 'NOT SEEN'}", flush=True)
        unseen += [] if seen else [name]
    print(f"{len(chosen) - len(unseen)} of {len(chosen)} faults were seen")
    return 1 if unseen else 0


if __name__ == "__main__":
    sys.exit(main())
