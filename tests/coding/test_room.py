"""The room stands by itself: what reads a file needs no networks."""

import subprocess
import sys


def test_coding_needs_no_torch():
    script = "import narrows.coding, narrows.coding.residuals, narrows.coding.plain, sys\nprint(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "constriction" in loaded and not {"torch", "sklearn", "scipy", "safetensors"} & set(loaded)
    rooms = {name.split(".")[1] for name in loaded if name.startswith("narrows.")}
    assert rooms <= {"coding", "atomic", "_version"}
