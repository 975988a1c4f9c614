"""The Debian package in Debians that are thrown away: its life, and the way from it to the first answered ticket.

`make debian` makes packages and trees (debootstrap, root) and runs these; elsewhere they are skipped.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent / "debian"
TREES = Path(os.environ.get("REPLYDESK_TREES", ROOT / ".trees"))
SUITES = ("bookworm", "trixie")
SECONDS = 300
"""The five minutes."""


def missing(suite: str) -> str:
    if os.geteuid() != 0:
        return "only root may chroot"
    if not (TREES / suite / "usr").is_dir() or not list(ROOT.glob(f"dist/replydesk_*~{suite}_*.deb")):
        return f"no Debian {suite} or no package here: make debian"
    return ""


pytestmark = [pytest.mark.interop, pytest.mark.long]


@pytest.fixture(scope="module", params=SUITES)
def suite(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if missing(name):
        pytest.skip(missing(name))
    return name


@pytest.fixture(scope="module")
def share(suite: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a tree sees below /mnt/replydesk: the scripts, the package, and the same one as a newer version."""
    folder = tmp_path_factory.mktemp("share")
    for path in HERE.glob("*.sh"):
        shutil.copy(path, folder)
    made = max(ROOT.glob(f"dist/replydesk_*~{suite}_*.deb"), key=lambda path: path.stat().st_mtime)
    shutil.copy(made, folder / "this.deb")
    unpacked = folder / "unpacked"
    subprocess.run(["dpkg-deb", "-R", made, unpacked], check=True)
    control = unpacked / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^Version: .*", f"Version: 99.0~{suite}", control.read_text()))
    build = ["dpkg-deb", "--root-owner-group", "-Zzstd", "-z1", "--build", unpacked, folder / "newer.deb"]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(unpacked)
    return folder


def inside(suite: str, share: Path, *words: str) -> str:
    """What a script said in a copy of the tree; it must end well."""
    done = subprocess.run(
        ["sh", HERE / "inside.sh", TREES / suite, "sh", *words],
        env=os.environ | {"SHARE": str(share)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def test_a_package_lives_and_goes(suite: str, share: Path) -> None:
    """Installed, set up, upgraded with a backup, rolled back, removed, purged: mails stay through all of it."""
    said = inside(suite, share, "/mnt/replydesk/lifecycle.sh", "/mnt/replydesk/this.deb", "/mnt/replydesk/newer.deb")
    assert said.rstrip().endswith("LIVED")


@pytest.mark.parametrize("way", ["lmtp", "imap", "mx"])
def test_the_first_ticket_is_answered_within_five_minutes(suite: str, share: Path, way: str) -> None:
    """With a mail server there already, and nothing but the package and what `init` prints."""
    said = inside(suite, share, "/mnt/replydesk/five_minutes.sh", "/mnt/replydesk/this.deb", way)
    took = re.search(r"ANSWERED by \w+ after (\d+) seconds", said)
    assert took, said
    print(f"{suite}, {way}: {took[1]} seconds")
    assert int(took[1]) <= SECONDS
