"""`python -m server.real_process`: `ringfence serve`, and then the names of all loaded modules.

They go to stderr when the client has left.
"""

from __future__ import annotations

import json
import sys

from ringfence_server.cli.serving import serve

if __name__ == "__main__":
    serve([])
    print(json.dumps(sorted(sys.modules)), file=sys.stderr)  # noqa: T201
