"""Microsoft's own parser of KQL (`@kusto/language-service-next`), asked about many queries at once."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_SCRIPT = Path(__file__).with_name("parse.cjs")


def judge(queries: Sequence[str]) -> list[dict[str, Any]]:
    """What it says of each: `diagnostics`, and `shape`, its tokens with every string literal blanked."""
    # Where the set-up found no Node.js it put one beside this interpreter.
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    node = shutil.which("node", path=places)
    assert node, "Node.js is missing: run make setup."
    answer = subprocess.run(
        [node, _SCRIPT],
        input=json.dumps(queries),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert answer.returncode == 0, f"The parser did not run (make setup): {answer.stderr[-500:]}"
    judgements: list[dict[str, Any]] = json.loads(answer.stdout)
    assert len(judgements) == len(queries)
    return judgements
