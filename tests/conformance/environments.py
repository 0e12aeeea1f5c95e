"""Virtual environments beside the project's own, for what cannot stand in it: other versions, another Python.

Each is made once, below `.local/environments`, and made anew when its requirements change. Two runs of the tests may
ask for one at the same time: the second waits.
"""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
_FOLDER = ROOT / ".local" / "environments"


def environment(name: str, requirements: Sequence[str], *, python: str = sys.executable) -> Path:
    """The interpreter of the environment *name*, which has *requirements*, the arguments of pip."""
    folder = _FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    wanted = "\n".join([python, *map(_with_contents, requirements)])
    with (_FOLDER / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ready = folder / ".ready"
        if not ready.exists() or ready.read_text(encoding="utf-8") != wanted:
            _run(python, "-m", "venv", "--clear", str(folder))
            _run(str(folder / "bin/python"), "-m", "pip", "install", "--quiet", *requirements)
            # Last, so that one that was cut off is made again.
            ready.write_text(wanted, encoding="utf-8")
    return folder / "bin" / "python"


def find_python(version: str) -> str | None:
    """An interpreter of that version, on the path or where pyenv keeps its own; None where there is none."""
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [shutil.which(f"python{version}"), *kept.glob(f"{version}.*/bin/python")]
    return next((str(one) for one in found if one and _is(version, str(one))), None)


def _is(version: str, python: str) -> bool:
    """Whether it runs and is what its name says: pyenv puts names on the path that lead nowhere."""
    asked = "import sys; print('{}.{}'.format(*sys.version_info))"
    answer = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=False)
    return answer.stdout.strip() == version


def _with_contents(requirement: str) -> str:
    """A requirement, or what stands in the file that it names."""
    file = Path(requirement)
    return file.read_text(encoding="utf-8") if file.is_file() else requirement


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
