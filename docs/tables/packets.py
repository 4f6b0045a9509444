"""The tables of docs/protocol.md, from the contract."""

from weft_hw.contract.fields import Field
from weft_hw.contract.memory_map import Region
from weft_hw.contract.packet import (
    REPLY,
    REPLY_FIELDS,
    REQUEST_FIELDS,
    STATUS_MEANING,
    Request,
    Status,
)

__all__ = ["packet_tables"]

_DATA = {
    (Request.WRITE, False): "the units' bytes",
    (Request.READ, True): "the units' bytes",
}


def _rows(title: str, fields: tuple[Field, ...], data: str) -> list[str]:
    rows, offset = [], 0
    for field in fields:
        rows.append(
            f"| {title} | `{field.name}` | {offset} | {field.width // 8} | {field.meaning} |"
        )
        offset += field.width // 8
        title = ""
    if data:
        rows.append(f"| {title} | data | {offset} | | {data} |")
        title = ""
    return rows or [f"| {title} | | | | nothing |"]


def packet_tables() -> str:
    """Return the tables as Markdown: requests, replies, statuses, regions."""
    head = ["| body | field | offset | bytes | meaning |", "|---|---|---|---|---|"]
    lines = ["### Requests", "", *head]
    for request, fields in REQUEST_FIELDS.items():
        lines += _rows(
            f"**{request.name}** ({request:#04x})", fields, _DATA.get((request, False), "")
        )
    lines += ["", "### Replies whose status is OK", "", *head]
    for request, fields in REPLY_FIELDS.items():
        lines += _rows(
            f"**{request.name}** ({request | REPLY:#04x})", fields, _DATA.get((request, True), "")
        )
    lines += ["", "### Statuses", "", "| status | value | meaning |", "|---|---|---|"]
    lines += [f"| {s.name} | {s.value} | {STATUS_MEANING[s]} |" for s in Status]
    lines += ["", "### Regions", "", "| region | value |", "|---|---|"]
    lines += [f"| {region.name} | {region.value} |" for region in Region]
    return "\n".join(lines) + "\n"
