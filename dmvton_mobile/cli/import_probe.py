"""Whether installed packages can be imported, tried in a process of their own: native code may crash or hang."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

# Writes one line per module: its name, what went wrong or null, a remark or null. The watchdog ends the process even
# where native code keeps the interpreter to itself. Where nncf finds openvino_telemetry, it writes an identifier into
# the home folder.
_PROBE = """
import faulthandler, importlib, json, sys
sys.modules["openvino_telemetry"] = None
for name in sys.argv[3:]:
    faulthandler.dump_traceback_later(float(sys.argv[2]), exit=True)
    error = remark = None
    try:
        module = importlib.import_module(name)
        if name == "torch":
            remark = f"CUDA {module.version.cuda} build" if module.version.cuda else "CPU build"
            if module.cuda.is_available():
                remark += f", {module.cuda.get_device_name()}"
    except BaseException as caught:
        error = f"{type(caught).__name__}: {caught}"
    with open(sys.argv[1], "a") as results:
        results.write(json.dumps([name, error, remark]) + "\\n")
"""


class ImportResult(NamedTuple):
    """What importing a module showed.

    Attributes:
        error: What went wrong; None where the module was imported.
        remark: What torch was built for; None for other modules.
    """

    error: str | None
    remark: str | None


def import_all(modules: list[str], seconds: float) -> dict[str, ImportResult]:
    """Imports modules one after the other in another process.

    A module that ends the process, or takes too long, gets that as its error; the remaining ones are imported in a
    fresh process.

    Args:
        modules: Names, such as `ai_edge_litert.interpreter`.
        seconds: Time limit for each module.
    """
    results: dict[str, ImportResult] = {}
    while remaining := [module for module in modules if module not in results]:
        with tempfile.TemporaryDirectory(prefix="dmvton-doctor-") as scratch:
            lines = Path(scratch, "results")
            lines.touch()
            # -P: nothing is imported from the folder that the command was started in
            command = [sys.executable, "-P", "-c", _PROBE, str(lines), str(seconds), *remaining]
            process = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
            for line in lines.read_text(encoding="utf-8").splitlines():
                module, error, remark = json.loads(line)
                results[module] = ImportResult(error, remark)
        # the first module without a line ended the process
        culprit = next((module for module in remaining if module not in results), None)
        if culprit:
            results[culprit] = ImportResult(_ending(process, seconds), None)
    return results


def _ending(process: subprocess.CompletedProcess[bytes], seconds: float) -> str:
    if b"Timeout (" in process.stderr:  # the watchdog's words
        return f"its import takes over {seconds:g} s"
    code = process.returncode
    return f"its import ends Python with {f'signal {-code}' if code < 0 else f'exit code {code}'}"
