"""What the apps must do as Python does, as cases with answers: `tests/golden/apps`, made by

    python -m tests.app_vectors

The rules are in docs/app-contract.md, a module here for each of its sections. `vectors.json` holds the cases,
`arrays.safetensors` their arrays, by name; `bundle` is a good bundle, which the cases of refusals change; `zips` are
bundles packed well and badly.
"""

import json
from pathlib import Path

from safetensors.numpy import save_file

from dmvton_mobile.records.base import record_json
from tests.app_vectors.benchmark import job, record, statistics, verdicts
from tests.app_vectors.bundles import refusals
from tests.app_vectors.cameras import cameras
from tests.app_vectors.cases import Arrays
from tests.app_vectors.composites import composites
from tests.app_vectors.replays import replays, tensor_files
from tests.app_vectors.windows import resizes, windows
from tests.app_vectors.zips import zips
from tests.bundles.made import make_bundle

FOLDER = Path(__file__).parents[1] / "golden" / "apps"


def make(folder: Path) -> None:
    """Writes all of it into the folder, which is empty."""
    arrays: Arrays = {}
    make_bundle(folder / "good.dmvton").rename(folder / "bundle")
    cases = {
        "windows": windows(),
        "resizes": resizes(arrays),
        "cameras": cameras(arrays),
        "composites": composites(arrays),
        "replays": replays(arrays),
        "tensor_files": tensor_files(),
        "statistics": statistics(),
        "verdicts": verdicts(),
        "refusals": refusals(folder / "bundle"),
        "zips": zips(folder / "bundle", folder / "zips"),
    }
    save_file(dict(sorted(arrays.items())), folder / "arrays.safetensors")
    (folder / "vectors.json").write_text(json.dumps(cases, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    (folder / "job.json").write_text(record_json(job()), encoding="utf-8")
    text = json.dumps(record(), sort_keys=True, indent=2, allow_nan=False, ensure_ascii=False)
    (folder / "record.json").write_text(text + "\n", encoding="utf-8")
