"""The probes of tests/fixtures/desync."""

import json
import pathlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FILE = ROOT / "tests" / "fixtures" / "desync" / "probes.json"


def corpus():
    return json.loads(FILE.read_text())


def bytes_of(value):
    """A character is a byte; what repeats is written once."""
    if isinstance(value, list):
        return b"".join(map(bytes_of, value))
    if isinstance(value, dict):
        return bytes_of(value["repeat"]) * value["times"]
    return value.encode("latin-1")


def title(probe):
    return f"{probe['group']}: {probe['name']}"
