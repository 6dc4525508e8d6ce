"""The benchmark suite measures the right thing; how fast anything is, is never asserted."""

import json
import math
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from benchmarks.speed import arrays, conductor, document, networks, page, picture, screen
from benchmarks.speed.__main__ import main
from benchmarks.speed.bound import negative_bound
from benchmarks.speed.contract import Aim, Case, Ceiling
from benchmarks.speed.jobs import JOBS
from benchmarks.speed.quality import Clock, FailedError, Race
from benchmarks.speed.summary import ceiling, figures, ratio
from benchmarks.speed.words import number
from tests.benchmarks import broken


def rounds(*values: float, **more: float) -> list[dict[str, Any]]:
    return [{"value": v, "quality": 1.0, **more} for v in values]


def outcomes(**contenders: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: {"label": name, "status": "ok", "cases": {"c": got}} for name, got in contenders.items()}


# Medians and ratios ------------------------------------------------------------------------------

SECONDS = Case("c", "a case", "s")
RATE = Case("c", "a case", "rows/s", higher=True)


def test_the_first_round_counts_only_as_first():
    got = figures(rounds(100.0, 2.0, 4.0, 3.0))
    assert (got["value"], got["low"], got["high"], got["cold"], got["rounds"]) == (3.0, 2.0, 4.0, 100.0, 3)


def test_ratios_are_taken_within_rounds():
    # The machine was three times slower in round 2: both medians move, no ratio does.
    found = ratio(
        Aim("c", "", ("p",), 2.0), SECONDS, outcomes(narrows=rounds(9, 1, 3, 1), p=rounds(9, 2, 6, 2))
    )
    assert (found["ratio"], found["low"], found["high"], found["reached"]) == (2.0, 2.0, 2.0, True)


def test_a_rate_is_better_when_larger_and_the_best_peer_is_taken():
    both = outcomes(narrows=rounds(0, 30), p_slow=rounds(0, 5), p_fast=rounds(0, 20), other=rounds(0, 99))
    found = ratio(Aim("c", "", ("p_",), 2.0), RATE, both)
    assert (found["peer"], found["ratio"], found["reached"]) == ("p_fast", 1.5, False)


def test_another_figure_of_ours_can_be_compared():
    both = outcomes(narrows=rounds(0, 1, fit=4.0), p=rounds(0, 2))
    assert ratio(Aim("c", "", ("p",), figure="fit"), SECONDS, both)["ratio"] == 0.5


def test_without_figures_nothing_is_reached():
    both = outcomes(narrows=rounds(0, 1), p=[{"status": "failed", "why": "it broke"}])
    assert ratio(Aim("c", "", ("p",), 2.0), SECONDS, both)["reached"] is None
    assert ceiling(Ceiling("c", "", 0.5, ours="p"), SECONDS, both)["reached"] is None
    assert ceiling(Ceiling("c", "", 0.5), SECONDS, both)["reached"] is False


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (None, "–"),
        (0.0, "0"),
        (12.34, "12.3"),
        (2, "2"),
        (1234.5, "1,234"),
        (0.0039612, "0.00396"),
        (0.5, "0.500"),
        (3e-7, "3.0e-07"),
    ],
)
def test_numbers(x, said):
    assert number(x) == said


# Judges ------------------------------------------------------------------------------------------


def test_a_race_is_won_once_and_its_clock_stands_still_while_judging():
    race = Race(0.5)
    with race.clock.paused():
        before = race.clock.seconds()
        assert not race.judged(0.6)
        assert race.judged(0.5)
        assert race.clock.seconds() == before
    assert race.judged(0.9), "it stays won"
    assert race.result() == {"value": before, "quality": 0.9, "epochs": 3}
    assert Clock().seconds() < race.clock.seconds() + 1


def test_a_lost_race_says_so():
    race = Race(0.1)
    race.judged(0.2)
    with pytest.raises(FailedError, match=r"0\.1 was not reached"):
        race.result()


def test_numpys_network_is_torchs():
    torch_loop = pytest.importorskip("benchmarks.speed.contenders.torch_loop")
    stack = networks.tabular(6)
    net = torch_loop.sequential(stack)
    x = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    linear = [m for m in net if hasattr(m, "weight")]
    weights = [(m.weight.detach().numpy().T, m.bias.detach().numpy()) for m in linear]
    given = x.copy()
    assert np.allclose(
        networks.forward(stack, weights, x),
        torch_loop.answers(net, torch_loop.torch.from_numpy(x)),
        atol=1e-6,
    )
    assert (x == given).all()


def test_the_bound_of_a_model_that_knows_nothing():
    zeros = [
        (np.zeros(s, np.float32), np.zeros(s[1], np.float32))
        for s in ((6, 4), (4, 2), (4, 2), (2, 4), (4, 6))
    ]
    x = np.random.default_rng(0).random((50, 6)).astype(np.float32)
    # A code at its prior costs nothing, and logits of 0 are ln 2 an entry whatever x is.
    assert negative_bound(zeros, x) == pytest.approx(6 * math.log(2), rel=1e-6)


def test_the_table_can_be_learned_and_is_standardised(tmp_path):
    arrays.table(tmp_path, rows=400, columns=8, rank=2)
    train, test = arrays.read(tmp_path, *arrays.PARTS)
    assert train.shape == (400, 8) and test.shape == (500, 8) and train.dtype == np.float32
    assert np.allclose(train.mean(0), 0, atol=1e-5) and np.allclose(train.std(0), 1, atol=1e-4)


# Workers -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def entry():
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(conductor, "PAUSE", 0.0)
        got = conductor.measure(broken.JOB, 2, False, said.append)
    made = document.entry(broken.JOB, False, 2, got, [0.0], 1.0)
    return json.loads(document.text(made)), said


def test_every_failure_is_reported_and_stops_nobody(entry):
    found, said = entry
    contenders = found["contenders"]
    status = {name: (c["status"], c["why"]) for name, c in contenders.items()}
    assert status["needy"] == ("not installed", "no module no_such_module")
    assert status["lost"] == ("not installed", "No module named 'elsewhere'")
    assert status["unable"] == ("not available", "it has no such verb")
    got = {name: f["one"] for name, f in found["figures"].items()}
    assert got["raises"] == {"status": "failed", "why": "ZeroDivisionError: one"}
    assert got["short"] == {"status": "failed", "why": "it did not get there"}
    assert "ended with 7" in got["dies"]["why"]
    assert got["narrows"]["value"] == 12.5 and got["narrows"]["cold"] == 11.0
    assert any("Raises" in line and "failed" in line for line in said)
    assert found["aims"][0]["ratio"] == pytest.approx((32 / 12 + 33 / 13) / 2)
    assert found["aims"][0]["reached"] and found["aims"][1]["reached"] is None


def test_failures_are_on_the_page_and_on_the_screen(entry):
    found, _ = entry
    shown = page.render({"format": 1, "jobs": {"broken": found}})
    for text in (shown, screen.show(found)):
        for words in ("not installed", "not available", "ZeroDivisionError: one", "it did not get there"):
            assert words in text, words
    assert "not measured" in shown


def test_data_that_are_not_there_are_one_sentence():
    with pytest.raises(OSError, match=r"^the data are not on this machine; set NARROWS_DATA\.$"):
        conductor.measure(broken.ABSENT, 1, True, print)


# Documents ---------------------------------------------------------------------------------------


def test_other_jobs_keep_their_figures(entry, tmp_path):
    found, _ = entry
    old = document.merged(document.read(tmp_path / "none.json"), {"steps": {"date": "old"}}, list(JOBS))
    new = document.merged(old, {"mnist_time": found}, list(JOBS))
    assert list(new["jobs"]) == ["mnist_time", "steps"] and new["jobs"]["steps"] == {"date": "old"}


def test_a_document_of_another_format_is_refused(tmp_path):
    (tmp_path / "benchmarks.json").write_text('{"format": 99}')
    with pytest.raises(ValueError, match="format 99"):
        document.read(tmp_path / "benchmarks.json")


@pytest.mark.parametrize("argv", [["no_such_job"], ["--repeats", "0"], ["--out", "no/such/folder"]])
def test_wrong_arguments_are_refused(argv, capsys):
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2
    assert capsys.readouterr().err.strip().endswith(".")


def test_the_pictures_are_drawn(entry, tmp_path):
    found, _ = entry
    picture.draw({"jobs": {"broken": found}}, tmp_path)
    assert (tmp_path / "benchmarks.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "growth.png").exists()


# The whole of it ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    out = tmp_path_factory.mktemp("bench")
    command = [sys.executable, "-m", "benchmarks.speed", "--tiny", "--repeats", "1", "--out", str(out)]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")  # as in conftest
    done = subprocess.run(
        command, cwd=conductor.ROOT, env={**os.environ, **threads}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return out


@pytest.mark.slow
def test_the_tiny_form_of_every_job(tiny):
    jobs = json.loads((tiny / "benchmarks.json").read_text())["jobs"]
    assert list(jobs) == list(JOBS)
    text = (tiny / "benchmarks.md").read_text()
    for name, entry in jobs.items():
        assert (entry["title"] in text and f"(#{name})" in text) or not entry["aims"]
        for contender, outcome in entry["contenders"].items():
            assert outcome["status"] in {"ok", "not installed", "not available"}, (name, contender, outcome)
            assert outcome["label"] in text
        for contender, cases in entry["figures"].items():
            for case, got in cases.items():
                assert got["status"] == "ok", (name, contender, case, got)
                assert got["value"] > 0 or name == "growth", (name, contender, case)
                assert math.isfinite(got["quality"]), (name, contender, case)
        for kept in entry["fidelity"]:
            assert kept["ratio"] < 1.05, (name, kept)
    assert (tiny / "images" / "benchmarks.png").exists() and (tiny / "images" / "growth.png").exists()


# What the best of a job's contenders reach is reached by all within this factor: the same network, data and
# epochs, but not the same rates and initial weights.
AGREE = {"conv": 4.0, "table": 2.0, "variational": 1.2}
# Errors that only a network which has learned something reaches; digits vary by 0.14 a pixel.
LEARNED = {
    "mnist_time": 0.0451,
    "steps": 0.08,
    "conv": 0.08,
    "table": 0.5,
    "variational": 40.0,
    "ensemble": 0.7,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LEARNED)
def test_contenders_learn_and_agree(tiny, name):
    figures_ = json.loads((tiny / "benchmarks.json").read_text())["jobs"][name]["figures"]
    cases = next(iter(figures_.values()))
    for case in cases:
        reached = {contender: got[case]["quality"] for contender, got in figures_.items()}
        assert max(reached.values()) <= LEARNED[name], (case, reached)
        assert max(reached.values()) <= AGREE.get(name, math.inf) * min(reached.values()), (case, reached)
