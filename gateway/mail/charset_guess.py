"""Which charset undeclared bytes are in, when they cannot be Western: by where their bytes lie.

Only asked for text that is not UTF-8 and more than half high bytes, which no Western text is. Says
nothing when unsure.
"""

from __future__ import annotations

import re
from collections import Counter

SAMPLE = 4_000
LEAST = 8
"""High bytes; fewer prove nothing."""
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")


def guess(data: bytes) -> str:
    """A Python codec that decodes all of the bytes, or the empty string."""
    sample = data[:SAMPLE]
    if len(data) > SAMPLE and (end := max(sample.rfind(b"\n"), sample.rfind(b" "))) > 0:
        sample = sample[:end]  # a character cut in half would speak against its charset
    high = sum(len(run) for run in _HIGH_RUN.findall(sample))
    visible = len(sample) - sum(sample.count(blank) for blank in b" \t\r\n")
    if high < LEAST or 2 * high < visible:
        return ""
    for codec in (*_east_asian(sample), _cyrillic(sample)):
        if codec and _holds(data, codec):
            return codec
    return ""


def _holds(data: bytes, codec: str) -> bool:
    try:
        data.decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _east_asian(sample: bytes) -> tuple[str, ...]:
    """Candidates, likeliest first. EUC encodings pair two high bytes; Shift JIS and Big5 also one high and one low."""
    runs = _HIGH_RUN.findall(sample)
    leads: Counter[int] = Counter()
    for run in runs:
        leads.update(run[::2])
    pairs = sum(leads.values())
    kana = leads[0xA4] + leads[0xA5]
    if all(len(run) % 2 == 0 for run in runs) and min(map(min, runs)) >= 0xA1:
        hangul = sum(leads[lead] for lead in range(0xB0, 0xC9))
        if 5 * kana > pairs:
            return ("euc_jp",)
        return ("cp949",) if 10 * hangul > 9 * pairs else ("gb18030",)
    if 4 * sum(sample.count(bytes((lead,))) for lead in (0x82, 0x83)) > pairs:
        return ("cp932",)
    low_trails = len(re.findall(rb"[\xa1-\xf9][\x40-\x7e]", sample))
    return ("big5hkscs",) if 5 * low_trails > pairs else ()


def _cyrillic(sample: bytes) -> str:
    """Most letters are small: at the end of windows-1251, before the capitals in KOI8-R."""
    small = sum(sample.count(bytes((b,))) for b in range(0xE0, 0x100))
    koi = sum(sample.count(bytes((b,))) for b in range(0xC0, 0xE0))
    letters = small + koi
    if 10 * letters < 9 * sum(len(run) for run in _HIGH_RUN.findall(sample)):
        return ""
    return "cp1251" if small > koi else "koi8_r"
