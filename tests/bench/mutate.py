"""100,000 broken mails, read one by one: `python -m tests.bench.mutate [COUNT] [SEED]`.

Prints how many broke a rule, the slowest, and how memory grew. Ends with 1 when any rule was broken or
any mail took two seconds of CPU time.
"""

from __future__ import annotations

import random
import resource
import sys
import time
from pathlib import Path

from gateway.mail.parse import parse
from tests import corpus, mails
from tests.mutation import ENVELOPE, faults, mutate

SECONDS = 2.0
SMALL = 60_000


def seeds() -> list[bytes]:
    """The mails that are broken: our own fixtures, and the corpus where there is one."""
    own = [raw for raw in mails.all_mails().values() if len(raw) < SMALL]
    found = [Path(r.path).read_bytes() for r in corpus.records()] if corpus.SHARED.is_dir() else []
    return own + [raw for raw in found if len(raw) < SMALL]


def main(count: int, seed: int) -> int:
    pool = seeds()
    broken: list[str] = []
    slow: list[tuple[float, int]] = []
    memory_after_a_tenth = 0
    started = time.perf_counter()
    for number in range(count):
        rng = random.Random(f"{seed}.{number}")
        raw = mutate(rng, rng.choice(pool), rng.choice(pool))
        before = time.process_time()
        message = parse(raw, ENVELOPE)
        took = time.process_time() - before
        slow = sorted([*slow, (took, number)], reverse=True)[:5]
        broken += [f"mail {number}: {fault}" for fault in faults(raw, message)]
        if number == count // 10:
            memory_after_a_tenth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if number and number % 10_000 == 0:
            print(f"{number} read, {len(broken)} broken, slowest {slow[0][0]:.3f} s", flush=True)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_after_a_tenth
    print(f"{count} mails of {len(pool)} seeds in {time.perf_counter() - started:.0f} s (seed {seed})")
    print(f"rules broken: {len(broken)}")
    print("\n".join(broken[:50]))
    print("slowest: " + ", ".join(f"{took:.3f} s (mail {number})" for took, number in slow))
    print(f"memory: {memory_after_a_tenth / 1024:.0f} MB at a tenth, {grown / 1024:.1f} MB more at the end")
    return 1 if broken or slow[0][0] >= SECONDS else 0


if __name__ == "__main__":
    sys.exit(main(int((sys.argv[1:] or ["100000"])[0]), int((sys.argv[2:] or ["1"])[0])))
