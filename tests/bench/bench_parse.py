"""How fast mails are read on one core: `python tests/bench/bench_parse.py [seconds]`.

Three shapes, as a support mailbox gets them: a reply of 5 KB with its quotation, HTML with a plain
form of 25 KB, and a file of 100 KB. Time is CPU time; the best of several rounds counts.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gateway.mail.message import Envelope
from gateway.mail.parse import parse
from tests.mails import HEAD, file_part, parts, plain, text_part

ENVELOPE = Envelope("smtp", "anna@kunde.example", ("support@replydesk.example",))
TRACE = "".join(
    f"Received: from mx{i}.kunde.example (mx{i}.kunde.example [192.0.2.{i}])\n\tby mail.replydesk.example with ESMTPS;"
    f" Mon, 6 May 2024 10:15:0{i} +0200\n"
    for i in range(3)
)
WORDS = "der Drucker größer Störung Rechnung bitte möglich seit gestern nicht mehr Büro Papier Fehler E-17".split()


def prose(rng: random.Random, size: int) -> str:
    lines = []
    while sum(len(line) for line in lines) < size:
        lines.append(" ".join(rng.choice(WORDS) for _ in range(10)) + ("." if rng.random() < 0.9 else ".\n"))
    return "\n".join(lines)


def shapes(rng: random.Random) -> dict[str, list[bytes]]:
    attribution = "\n\nAm 06.05.2024 um 10:15 schrieb Support <support@replydesk.example>:\n"
    head = TRACE + HEAD + "References: <a@kunde.example>\n <b@kunde.example>\nIn-Reply-To: <b@kunde.example>\n"

    def reply() -> bytes:
        return plain(prose(rng, 2_500) + attribution + "> " + prose(rng, 1_200).replace("\n", "\n> "), head)

    def alternative() -> bytes:
        text = prose(rng, 8_000)
        markup = "<html><head><style>p{margin:0}</style></head><body>" + "".join(
            f'<p style="margin:0">{line} <a href="https://kunde.example/{i}">mehr</a></p>\n'
            for i, line in enumerate(text.split("\n"))
        )
        return parts(
            "alternative", text_part(text), text_part(markup, "Content-Type: text/html; charset=utf-8\n"), head=head
        )

    def scan() -> bytes:
        fields = 'Content-Type: application/pdf\nContent-Disposition: attachment; filename="scan.pdf"\n'
        return parts("mixed", text_part(prose(rng, 1_000)), file_part(rng.randbytes(100_000), fields), head=head)

    return {make.__name__: [make() for _ in range(40)] for make in (reply, alternative, scan)}


def main(seconds: float) -> None:
    for name, mails in shapes(random.Random(1)).items():
        best, ends = float("inf"), time.perf_counter() + seconds
        while time.perf_counter() < ends:
            started = time.process_time()
            for raw in mails:
                parse(raw, ENVELOPE)
            best = min(best, time.process_time() - started)
        size = sum(map(len, mails)) / len(mails) / 1024
        print(f"{name:12} {size:6.1f} KB  {len(mails) / best:7.0f} mails/s  {1000 * best / len(mails):6.2f} ms a mail")


if __name__ == "__main__":
    main(float((sys.argv[1:] or ["3"])[0]))
