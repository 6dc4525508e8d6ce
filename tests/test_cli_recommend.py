"""``narrows fit --task recommend`` and ``narrows recommend``: users to items, items to items, and why."""

import json

import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse

import narrows as nw
from narrows.cli.app import main
from narrows.cli.labels import built_in
from narrows.cli.options import read_data

FILM = "Hidden Robot (science fiction)"


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A model of ratings with names, one of a matrix, and what they are asked with."""
    folder = tmp_path_factory.mktemp("work")
    words = ["fit", "movies:train", "--task", "recommend", "--recipe", "ease", "--at-least", "4", "--quiet"]
    assert main([*words, "--out", str(folder / "m.safetensors")]) == 0
    scipy.io.mmwrite(folder / "blocks.mtx", scipy.sparse.csr_matrix(np.kron(np.eye(2), np.ones((20, 3)))))
    words = ["fit", str(folder / "blocks.mtx"), "--task", "recommend", "--quiet"]
    assert main([*words, "--out", str(folder / "b.safetensors")]) == 0
    scipy.sparse.save_npz(folder / "new.npz", scipy.sparse.csr_matrix([[1, 0, 0, 0, 0, 0], [0] * 6, [1] * 6]))
    pd.DataFrame({"u": [1, 2], "i": [3.5, 4.5]}).to_csv(folder / "other.csv", index=False)
    pd.DataFrame({"user": [1, 1], "item": [3, 4], "value": [5, 5]}).to_csv(folder / "ids.csv", index=False)
    pd.DataFrame({"user": [1], "item": [FILM]}).to_csv(folder / "worthless.csv", index=False)
    np.save(folder / "rows.npy", np.random.default_rng(0).normal(size=(40, 4)))
    words = ["fit", str(folder / "rows.npy"), "--recipe", "linear", "--quiet"]
    assert main([*words, "--out", str(folder / "ae.safetensors")]) == 0
    return folder


@pytest.fixture(autouse=True)
def here(work, monkeypatch):
    monkeypatch.chdir(work)


def test_a_fit_says_of_what_and_what_was_tried(tmp_path, capsys):
    words = ["fit", "movies:test", "--task", "recommend", "--recipe", "edlae", "--set", "l2=30"]
    assert main([*words, "--out", str(tmp_path / "x.safetensors"), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["task"] == "recommend" and facts["seconds"] > 0 and facts["tried"] == []
    assert (facts["users"], facts["interactions"]) == (120, nw.datasets.movies().x_test.num_rows)
    assert nw.load(tmp_path / "x.safetensors").ae.backbone.l2 == 30


def test_a_fit_shows_how_the_models_did(tmp_path, monkeypatch, capsys):
    from narrows.estimators import _preferences

    linear = [(f"edlae(l2={l2:g})", _preferences._linear(l2, 0.25, 0)) for l2 in (30.0, 1000.0)]
    monkeypatch.setattr(_preferences, "_candidates", lambda *_: iter(linear))
    words = ["fit", "movies:train", "--task", "recommend", "--out", str(tmp_path / "x.safetensors")]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "ndcg@100" in said and all(f"\nedlae(l2={l2})" in said for l2 in (30, 1000))
    assert main([*words, "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    best = max(facts["tried"], key=lambda row: row["ndcg@100"])
    assert len(facts["tried"]) == 2 and facts["chosen"] == best["model"]


def test_the_first_users_on_the_screen(capsys):
    assert main(["recommend", "m.safetensors", "movies:test", "-k", "8"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "What 120 users are likely to take next"
    assert said[1].split() == ["user", "item", "score"]
    assert len(said) == 2 + 16 + 1 and said[-1].startswith(f"… and {118 * 8} more lines")
    assert main(["recommend", "m.safetensors", "movies:test", "-k", "60"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2 + 50 + 1


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".json"])
def test_a_file_of_all_is_what_the_estimator_says(ending, tmp_path, capsys):
    out = tmp_path / f"out{ending}"
    assert main(["recommend", "m.safetensors", "movies:test", "-k", "3", "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"wrote {out}: 360 lines\n"
    found = {".csv": pd.read_csv, ".parquet": pd.read_parquet, ".json": pd.read_json}[ending](out)
    expected = nw.load("m.safetensors").recommend(nw.datasets.movies().x_test, 3).to_pandas()
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_what_users_have_is_left_out_unless_it_is_asked_for(capsys):
    pd.DataFrame({"item": [FILM], "user": ["me"], "value": [5]}).to_csv("me.csv", index=False)
    words = ["recommend", "m.safetensors", "me.csv", "-k", "400", "--json"]
    found = []
    for more in ([], ["--include-seen"]):
        assert main([*words, *more]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["asked"] == 1 and {line["user"] for line in told["lines"]} == {"me"}
        found.append({line["item"] for line in told["lines"]})
    assert found[1] - found[0] == {FILM} and len(found[1]) == 399, "nobody likes one of the 400"


def test_reasons_are_the_strongest_of_what_a_user_has(capsys):
    assert main(["recommend", "m.safetensors", "movies:test", "-k", "2", "--explain", "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)["lines"]
    rows = nw.datasets.movies().x_test
    told = nw.load("m.safetensors").explain(rows).to_pandas().groupby("user", sort=False)
    mine = rows.to_pandas().groupby("user")["item"].apply(set)
    for line in lines:
        named = line["because"].split("; ") if line["because"] else []
        assert len(named) <= 3 and set(named) <= mine[line["user"]]
    assert sum(bool(line["because"]) for line in lines) > 200
    for line in lines[::2][:20]:  # what is recommended first is what explain tells of
        if line["user"] not in told.groups:  # nothing of theirs is worth 4 stars
            assert line["because"] == ""
            continue
        first = told.get_group(line["user"])
        strong = first[(first["score"] >= first["score"].max() / 2) & (first["score"] > 0)]["because"][:3]
        assert line["because"] == "; ".join(strong)


def test_on_the_screen_the_users_shown_are_explained(capsys):
    assert main(["recommend", "m.safetensors", "movies:test", "-k", "20", "--explain"]) == 0
    assert "because" in capsys.readouterr().out


def test_rows_and_columns_of_a_matrix_are_numbers(capsys):
    assert main(["recommend", "b.safetensors", "new.npz", "-k", "2", "--explain", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    one = [line for line in told["lines"] if line["user"] == 0]
    assert told["asked"] == 3 and {line["item"] for line in one} == {1, 2}
    assert [line["because"] for line in one] == ["0", "0"]
    # Who has nothing gets what is popular, for no reason; who has all gets nothing.
    assert [(line["user"], line["because"]) for line in told["lines"][2:]] == [(1, ""), (1, "")]


def test_who_has_everything_gets_nothing(capsys):
    scipy.sparse.save_npz("all.npz", scipy.sparse.csr_matrix(np.ones((1, 6))))
    assert main(["recommend", "b.safetensors", "all.npz", "--explain"]) == 0
    assert "no items are left" in capsys.readouterr().out


def test_items_that_are_alike(capsys):
    assert main(["recommend", "b.safetensors", "--similar", "4", "--similar", "0", "-k", "2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    pairs = {(line["item"], line["similar"]) for line in told["lines"]}
    assert told["asked"] == 2 and pairs == {(4, 3), (4, 5), (0, 1), (0, 2)}
    assert main(["recommend", "m.safetensors", "--similar", FILM, "-k", "3"]) == 0
    said = capsys.readouterr().out
    assert f"most like '{FILM}'" in said and len(said.splitlines()) == 5


def test_evaluate_says_how_good_it_is(capsys):
    assert main(["evaluate", "m.safetensors", "movies:test"]) == 0
    said = capsys.readouterr().out
    assert "ndcg@100" in said and "what is popular" in said and "movies:test" in said
    assert main(["evaluate", "m.safetensors", "movies:test", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["ndcg@100"] > told["popular_ndcg@100"] and told["users"] > 10


@pytest.mark.parametrize("verb", ["transform", "reconstruct", "report", "sample"])
def test_other_verbs_say_which_one_is_meant(verb, capsys):
    words = [verb, "m.safetensors"] + (["movies:test"] if verb != "sample" else [])
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "is a recommender" in said and "narrows recommend" in said and said.count("\n") == 1


def test_info_of_a_recommender(capsys):
    assert main(["info", "m.safetensors"]) == 0
    said = capsys.readouterr().out
    assert (
        "Recommender" in said
        and "at least 4" in said
        and "user, item, value" in said
        and "% of users)" in said
    )
    assert main(["info", "m.safetensors", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["recommends"]
    recommender = nw.load("m.safetensors")
    best = recommender.items_[np.argmax(recommender.popularity_)]
    assert told["items"] == len(recommender.items_) == 399 and told["users"] == recommender.n_users_
    assert told["interactions"] == recommender.popularity_.sum() and told["popular"][0].startswith(best)
    assert main(["info", "b.safetensors"]) == 0
    assert "0 (50% of users)" in capsys.readouterr().out
    with open("b.safetensors", "rb") as whole, open("cut.safetensors", "wb") as cut:
        cut.write(whole.read()[:-8])
    assert main(["info", "cut.safetensors"]) == 2
    assert "is damaged or cut short" in capsys.readouterr().err
    main(["fit", "ids.csv", "--task", "recommend", "--quiet", "--out", "i.safetensors"])
    assert main(["info", "i.safetensors"]) == 0
    assert "3 (100% of users)" in capsys.readouterr().out


def test_ratings_have_no_labels(capsys):
    assert built_in("movies") is None and read_data("movies").num_rows == 20213
    words = ["fit", "movies", "--labels", "movies", "--out", "x.safetensors"]
    assert main(words) == 2
    assert "without labels" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["m.safetensors"], "there is no DATA"),
        (["m.safetensors", "movies:test", "-k", "0"], "-k is 0"),
        (["m.safetensors", "movies:test", "--similar", FILM], "leave DATA out"),
        (["m.safetensors", "--similar", FILM, "--explain"], "leave --explain out"),
        (["m.safetensors", "--similar", "Hidden Robt (science fiction)"], f"did you mean '{FILM}'?"),
        (["b.safetensors", "--similar", "6"], "none of the 6 items"),
        (["b.safetensors", "--similar", FILM], "none of the 6 items"),
        (["m.safetensors", "movies:test", "--out", "a.npy"], "expected .csv, .parquet or .json"),
        (["m.safetensors", "other.csv"], "holds none of the 399 items of the model"),
        (["m.safetensors", "ids.csv"], "pass items of the same type"),
        (["m.safetensors", "worthless.csv"], "no column 'value'"),
        (["m.safetensors", "new.npz"], "399"),
        (["b.safetensors", "ids.csv"], "fitted on a matrix with 6 items"),
        (["ae.safetensors", "new.npz"], "narrows fit DATA --task recommend"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(words, what, capsys):
    assert main(["recommend", *words]) == 2
    said = capsys.readouterr().err
    assert what in said and said.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--at-least", "4"], "--at-least is for --task recommend"),
        (["--task", "recommend", "--drop", "time"], "--drop is for tables of features"),
        (["--task", "recommend", "--at-least", "9"], "at least 9"),
        (["--task", "recommend", "--epochs", "3"], "name a --recipe too"),
    ],
)
def test_a_fit_that_cannot_be_is_said_in_a_sentence(words, what, capsys):
    assert main(["fit", "movies:test", *words, "--out", "x.safetensors"]) == 2
    said = capsys.readouterr().err
    assert what in said and said.count("\n") == 1
