"""`make demo`: the default network for every target in float32 and in eight bits, proved, packed, and tried on the
example photo.

python examples/demo.py --out out
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
GARMENTS = ("tee.jpg", "sweater.png", "shirt.jpg")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("out"), help="a folder; its earlier demo is replaced")
    out: Path = parser.parse_args().out
    bundle = out / "dmvton-lite.dmvton"
    shutil.rmtree(bundle, ignore_errors=True)
    run("convert", "--target", "all", "--precision", "fp32", "--precision", "int8", "--out", bundle)
    run("bench", "recommend", bundle)
    made = [bundle]
    for garment in GARMENTS:
        picture = out / f"tryon_{Path(garment).stem}.png"
        picture.unlink(missing_ok=True)
        mask = HERE / f"{Path(garment).stem}_mask.png"
        given = ("--mask", mask) if mask.exists() else ()
        run(
            "tryon",
            "--person",
            HERE / "person.png",
            "--garment",
            HERE / garment,
            *given,
            "--bundle",
            bundle,
            "--out",
            picture,
        )
        made.append(picture)
    print("\nMade:", *made, sep="\n  ")


def run(*arguments: str | Path) -> None:
    """One `dmvton` command; the demo ends where it fails."""
    command = [sys.executable, "-m", "dmvton_mobile.cli", *map(str, arguments)]
    print("\n$ dmvton", *arguments, flush=True)
    if code := subprocess.run(command).returncode:
        sys.exit(code)


if __name__ == "__main__":
    main()
