"""Changes to what a program file says of itself."""

import json


def changed(members, change):
    """Return ``members`` after ``change`` to what ``program.json`` says."""
    body = json.loads(members["program.json"])
    change(body)
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return {**members, "program.json": text.encode()}
