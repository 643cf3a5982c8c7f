"""Where the OpenSSF's `model_signing` tool is, and how to install it. Imports no torch: `dmvton doctor` asks, too.

The tool lives in an environment of its own: its libraries and those of LiteRT's converter exclude each other
(model-signing 1.1 needs typing-extensions >= 4.14.1, xdsl 0.28 needs < 4.13).
"""

import os
import shutil
import sys
from pathlib import Path

from dmvton_mobile.errors import DmvtonError

TOOL = "model_signing"
TOOL_VARIABLE = "DMVTON_MODEL_SIGNING"
# sigstore 4.5 no longer brings the pyOpenSSL that model-signing 1.1.1 imports
REQUIREMENTS = ("model-signing==1.1.1", "pyOpenSSL==26.4.0")


def signing_tool() -> Path:
    """Finds the `model_signing` command.

    It is the one that DMVTON_MODEL_SIGNING names, else one beside this Python, on PATH, or in .venv-signing.

    Raises:
        DmvtonError: It is not installed; the message has the two commands that install it.
    """
    if named := os.environ.get(TOOL_VARIABLE):
        if not os.access(named, os.X_OK) or not Path(named).is_file():
            raise DmvtonError(f"{TOOL_VARIABLE} names {named}, which is not a program.")
        return Path(named)
    own_environment = _own_environment() / "bin"
    for folders in (str(Path(sys.executable).parent), os.environ.get("PATH", ""), str(own_environment)):
        if found := shutil.which(TOOL, path=folders):
            return Path(found)
    raise DmvtonError(
        f"Signatures need the program {TOOL}, in an environment of its own. Install it with:\n"
        f"  {sys.executable} -m venv {own_environment.parent}\n"
        f"  {own_environment / 'pip'} install {' '.join(REQUIREMENTS)}\n"
        f"or name it in {TOOL_VARIABLE}."
    )


def _own_environment() -> Path:
    return Path(sys.prefix).parent / ".venv-signing"
