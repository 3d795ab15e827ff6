"""Build the pages from the outputs that are stored in the notebooks, against running the notebooks.

    python benchmarks/pages.py

Both times the build `make book` does, from scratch, into a temporary folder; the other one with
`execute_notebooks: force`. Wanted: under 20 seconds from stored outputs.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = Path(sys.executable).with_name("jupyter-book")
PAIRS, WANTED = 3, 20
STORED, RUN = 'execute_notebooks: "off"', "timeout: 300\n  execute_notebooks: force"


def seconds(config):
    """Of one build with `config` as its `_config.yml`; says what went wrong if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "_config.yml"
        path.write_text(config, encoding="utf-8")
        options = ["-n", "-W", "--keep-going", "--config", path, "--path-output", folder]
        started = time.perf_counter()
        build = subprocess.run(
            [PROGRAM, "build", *options, ROOT], cwd=ROOT, capture_output=True, text=True
        )
        passed = time.perf_counter() - started
        if build.returncode:
            sys.exit(f"the book does not build:\n{build.stdout[-2000:]}{build.stderr[-2000:]}")
        return passed


def main():
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    assert config.count(STORED) == 1
    running = config.replace(STORED, RUN)
    pairs = [(seconds(config), seconds(running)) for _ in range(PAIRS)]
    ratios = sorted(other / stored for stored, other in pairs)
    stored, other = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"pages from stored outputs: {stored:.1f} s (wanted under {WANTED} s); "
        f"running the notebooks takes {statistics.median(ratios):.1f} times as long, {other:.1f} s "
        f"({ratios[0]:.1f} to {ratios[-1]:.1f} in {PAIRS} pairs); "
        f"torch {torch.__version__}, {torch.get_num_threads()} threads"
    )


if __name__ == "__main__":
    main()
