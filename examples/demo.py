"""`make demo`: the default network for every target in fp32 and int8, verified, bundled and tried on the example photo.

python examples/demo.py --out out
"""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parent
GARMENTS = ("tee.jpg", "sweater.png", "shirt.jpg")


def main() -> None:
    """Writes the bundle and a try-on of each garment into --out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("out"), help="Folder; files of an earlier demo are replaced.")
    out: Path = parser.parse_args().out
    bundle = out / "dmvton-lite.dmvton"
    shutil.rmtree(bundle, ignore_errors=True)
    run("convert", "--target", "all", "--precision", "fp32", "--precision", "int8", "--out", bundle)
    run("bench", "recommend", bundle)
    tryons = [try_on(bundle, garment, out) for garment in GARMENTS]
    print("\nWrote:", bundle, *tryons, sep="\n  ")


def try_on(bundle: Path, garment: str, out: Path) -> Path:
    """Tries one example garment on the example person; returns the picture's path."""
    picture = out / f"tryon_{Path(garment).stem}.png"
    picture.unlink(missing_ok=True)
    inputs: list[str | Path] = ["--person", EXAMPLES / "person.png", "--garment", EXAMPLES / garment]
    mask = EXAMPLES / f"{Path(garment).stem}_mask.png"
    if mask.exists():
        inputs += ["--mask", mask]
    run("tryon", *inputs, "--bundle", bundle, "--out", picture)
    return picture


def run(*arguments: str | Path) -> None:
    """Runs one `dmvton` command; the demo ends where it fails."""
    command = [sys.executable, "-m", "dmvton_mobile.cli", *map(str, arguments)]
    print("\n$ dmvton", *arguments, flush=True)
    if code := subprocess.run(command).returncode:
        sys.exit(code)


if __name__ == "__main__":
    main()
