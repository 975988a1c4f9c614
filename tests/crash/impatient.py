"""`python -m gateway`, whose claims last for two seconds."""

from __future__ import annotations

from datetime import timedelta

from gateway.cli import main
from gateway.send import loop, settle

if __name__ == "__main__":
    settle.CLAIM_SECONDS, loop.LOOK_AFTER = 2, timedelta(seconds=0.5)
    raise SystemExit(main())
