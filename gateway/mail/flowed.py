"""format=flowed: lines that were broken for the wire become paragraphs again (RFC 3676)."""

from __future__ import annotations

_SIGNATURE = "-- "


def join(text: str, blank: str = " ") -> str:
    """The text with soft breaks removed, quotation marks in front kept as `> `.

    `blank` is what the blank at a soft break stands for: itself, or nothing with DelSp=yes (section 4.1).
    """
    out: list[str] = []
    open_depth = -1
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:]
        if content.startswith(" "):
            content = content[1:]  # space-stuffing, section 4.4
        flows = content.endswith(" ") and content != _SIGNATURE
        joins = open_depth == depth and content not in ("", _SIGNATURE)
        body = content[:-1] + blank if flows else content
        if joins:
            out[-1] += body
        else:
            out.append(f"{'>' * depth} {body}" if depth else body)
        open_depth = depth if flows else -1
    return "\n".join(out)
