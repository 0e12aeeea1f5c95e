"""Writes the OpenAPI document to `docs/openapi.json`: `make openapi`."""

import json
from pathlib import Path

from shared.entrypoints.arm.openapi import document

FILE = Path(__file__).resolve().parent.parent / "docs" / "openapi.json"


def text() -> str:
    """The document as it is kept: one that has not changed is the same to the byte."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
