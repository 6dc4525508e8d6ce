"""The ``narrows`` program: its verbs, and how it ends.

It ends with 0 when the work is done, with 2 and one sentence when the user can put something right, and
with 130 after Ctrl-C. Any other exception is a defect of ours and keeps its traceback.
"""

from __future__ import annotations

import errno
import os
import sys
import warnings
from collections.abc import Sequence
from functools import partial
from typing import TextIO

from cyclopts import App, CycloptsError, Group, Parameter

from narrows.cli.compress import compress, decompress
from narrows.cli.denoise import denoise
from narrows.cli.detect import detect
from narrows.cli.evaluate import evaluate
from narrows.cli.impute import impute
from narrows.cli.info import info
from narrows.cli.recommend import recommend
from narrows.cli.report import report
from narrows.cli.tune import tune
from narrows.cli.verbs import demo, fit, reconstruct, sample, transform

VERBS = (
    demo, fit, tune, transform, reconstruct, evaluate, sample, detect, denoise, impute, recommend, compress, decompress,
    report, info,
)  # fmt: skip
DONE, WRONG, INTERRUPTED = 0, 2, 130
USER_ERRORS = (ValueError, OSError, TypeError, ImportError)

HELP = """\
Fit any data once, then use every verb an autoencoder has.

DATA is the path of a .csv, .parquet, .npy, .npz, .mtx or .wav file or of a
picture, of a folder of Parquet files, pictures or sounds, a quoted pattern of
their names, or the name of built-in data: digits, mnist, fashion_mnist or
movies (one part of them is digits:train or digits:test). MODEL is a
.safetensors file that 'narrows fit' wrote.

A first tour, on the handwritten digits that come with it:

    narrows fit digits:train --recipe variational --out m.safetensors
    narrows evaluate m.safetensors digits:test
    narrows transform m.safetensors digits --out codes.npy
    narrows sample m.safetensors -n 16 --out new.npy

Each verb has a page of its own: narrows fit --help."""


def build() -> App:
    """The program. Its verbs import what they need when they run, so that a help page comes at once."""
    app = App(
        name="narrows",
        help=HELP,
        help_format="plaintext",
        version=_version,
        version_flags=["--version"],
        default_parameter=Parameter(negative=()),
        group_commands=Group("Verbs"),
        suppress_keyboard_interrupt=False,
    )
    app["--help"].group = app["--version"].group = Group("Options")
    for position, verb in enumerate(VERBS):  # in this order, not in the alphabet's
        app.command(verb, sort_key=position)
    return app


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``narrows`` with ``arguments``, the process's own by default, and return its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    with warnings.catch_warnings():
        warnings.showwarning = partial(_show_warning, set())
        try:
            build()(words, exit_on_error=False, print_error=False, result_action="return_value")
        except KeyboardInterrupt:
            return _end("interrupted; nothing was written.", INTERRUPTED)
        except CycloptsError as error:
            return _end(f"{error} See '{_page(words)}'.", WRONG)
        except BrokenPipeError:  # the reader of our output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return DONE
        except USER_ERRORS as error:
            if os.environ.get("NARROWS_TRACEBACK"):
                raise
            # A number of the system's is left out where a sentence of ours stands beside it.
            said = error.strerror if getattr(error, "errno", None) == errno.ENOSPC else str(error)
            return _end(said or type(error).__name__, WRONG)
    return DONE


def _page(words: Sequence[str]) -> str:
    """The help page to point to after words that were not understood."""
    verbs = [verb.__name__ for verb in VERBS]
    return f"narrows {words[0]} --help" if words and words[0] in verbs else "narrows --help"


def _version() -> str:
    from narrows._version import __version__

    return __version__


def _end(sentence: str, code: int) -> int:
    _say(sentence)
    return code


def _say(sentence: str) -> None:
    """One line on stderr, whatever line breaks the sentence came with."""
    sys.stderr.write(f"narrows: {' '.join(sentence.split())}\n")


def _show_warning(
    said: set[str],
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """A warning is a sentence for the user, not a place in our source; what was said is not said again."""
    if str(message) not in said:
        said.add(str(message))
        _say(f"note: {message}")
