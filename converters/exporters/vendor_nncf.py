"""NNCF 3.4.0 is imported without the package that reports to its makers.

NNCF reports every use to its makers. NNCF_CI, its switch, is read only after an identifier was written to the home
folder. Without the package that reports, which serves nothing else, it does neither. So `sys.modules` says that this
package is absent. Another version may report in another way, so it is refused: look again, then change VERSION.
"""

import logging
import sys
from types import ModuleType

from converters.exporters.vendor import require_version

VERSION = "3.4.0"
REPORTER = "openvino_telemetry"


def import_nncf() -> ModuleType:
    """NNCF, which reports nothing and logs errors only."""
    sys.modules.setdefault(REPORTER, None)  # type: ignore[arg-type]
    import nncf

    require_version("nncf", VERSION, __name__)
    nncf.set_log_level(logging.ERROR)
    return nncf
