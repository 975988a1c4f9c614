"""A small chart as a picture for a mail. It needs matplotlib (`pip install "replydesk[charts]"`), else there is none.

It is drawn by a process of its own, `python -m gateway.render.chart`, once in a while: what matplotlib takes of memory
is given back with it.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import gateway
from gateway.core.report_mail import Chart

log = logging.getLogger("replydesk.chart")

WIDTH, HEIGHT = 560, 240
"""Pixels it is shown at; drawn with twice as many."""
LONGEST_SECONDS = 60.0
_COLOURS = ("#2f5fb3", "#8fb0e8")


def available() -> bool:
    return find_spec("matplotlib") is not None


def drawn(chart: Chart) -> bytes | None:
    """PNG; None where matplotlib is missing, or failed, which the log tells. Takes a second or more."""
    if not available():
        return None
    root = str(Path(gateway.__file__).parents[1])
    with TemporaryDirectory(prefix="replydesk-chart-") as own:
        paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
        environment = {**os.environ, "PYTHONPATH": paths, "MPLCONFIGDIR": own}
        try:
            made = subprocess.run(  # ourselves
                [sys.executable, "-P", "-m", "gateway.render.chart"],
                input=json.dumps({"weeks": chart.weeks, "series": chart.series}).encode(),
                env=environment,
                capture_output=True,
                check=True,
                timeout=LONGEST_SECONDS,
            )
        except (OSError, subprocess.SubprocessError) as error:
            said = (getattr(error, "stderr", None) or b"").decode("utf-8", "replace").strip()[-300:]
            log.warning("no chart", extra={"cause": f"{error} {said}".strip()})
            return None
    return made.stdout or None


def png(weeks: list[str], series: list[tuple[str, list[int]]]) -> bytes:
    """Bars side by side, the figure above each."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / 100, HEIGHT / 100), dpi=200, facecolor="white", layout="tight")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    width = 0.8 / len(series)
    for n, (name, values) in enumerate(series):
        places = [place + n * width for place in range(len(weeks))]
        bars = axes.bar(places, values, width, label=name, color=_COLOURS[n % len(_COLOURS)])
        axes.bar_label(bars, fontsize=8, color="#1c2126")
    axes.set_xticks([place + width * (len(series) - 1) / 2 for place in range(len(weeks))], weeks, fontsize=8)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_yticks([])
    axes.margins(y=0.15)
    axes.legend(fontsize=8, frameon=False, ncols=len(series), loc="upper center", bbox_to_anchor=(0.5, 1.15))
    data = BytesIO()
    figure.savefig(data, format="png", metadata={"Software": None})
    return data.getvalue()


if __name__ == "__main__":
    wanted = json.load(sys.stdin)
    sys.stdout.buffer.write(png(wanted["weeks"], wanted["series"]))
