"""Other programs that a command asks: openssl, git, systemctl."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from gateway.errors import ReplydeskError


def ask(words: Sequence[str], seconds: float) -> str:
    """What it prints. Raises `ReplydeskError` when it is missing, fails, or takes longer."""
    try:
        done = subprocess.run(  # noqa: S603  # no shell reads the words: nothing that somebody named becomes a command
            words, capture_output=True, text=True, check=True, timeout=seconds
        )
        return done.stdout
    except subprocess.CalledProcessError as error:
        raise ReplydeskError(f"`{' '.join(words)}` failed: {error.stderr.strip() or error.returncode}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ReplydeskError(f"`{' '.join(words)}` failed: {error}") from None
