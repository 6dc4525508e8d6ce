"""``docs/benchmarks.md``, made of the JSON document alone."""

from __future__ import annotations

from typing import Any

from benchmarks.speed.words import cells, got, number, verdict, wanted

HEAD = """# Benchmarks

<!-- Written by `make bench` from benchmarks.json. -->

Narrows beside what one would use instead: the same data, network, number of rows and epochs, measured in
one run on one machine. Each contender has a process of its own; in every round all of them are asked in
turn, so that a slow moment of the machine falls on all. A figure is the median of the rounds; a ratio is
taken within each round, and its median, smallest and largest are given: **above 1, Narrows is faster**.
*First* is a process's first run, which comes on top of the rounds: what is compiled, is compiled there.
Errors stand beside every speed, so that none is bought with quality.
"""

HOW = """## How to measure it again

```sh
NARROWS_DATA=folder make bench                        # all of it
NARROWS_DATA=folder make bench ONLY="mnist_time steps"  # some jobs; the others keep their figures
```

It makes an environment of its own, `.venv-bench`, with the versions in `benchmarks/requirements.txt`.
`NARROWS_DATA` is a folder with `mnist.npz` and `fashion_mnist.npz`; without it they are fetched from their
publishers. All single figures are in [benchmarks.json](benchmarks.json). `REPEATS=9` takes more rounds.
"""


def cell(text: str) -> str:
    return text.replace("|", "\\|")


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 2) + ["---"], *rows]
    return "\n".join("| " + " | ".join(map(cell, line)) + " |" for line in lines)


def summary(jobs: dict[str, Any]) -> str:
    """The aims of all jobs in one table."""
    rows = [
        [f"[{entry['title']}](#{name})", aim["words"], got(aim), wanted(aim), verdict(aim)]
        for name, entry in jobs.items()
        for aim in entry["aims"]
        if wanted(aim)
    ]
    if not rows:
        return ""
    lines = [["job", "what", "measured", "aim", ""], ["---", "---", "---:", "---:", "---"], *rows]
    return "\n".join("| " + " | ".join(map(cell, line)) + " |" for line in lines)


def case_table(entry: dict[str, Any], case: str) -> str:
    about = entry["cases"][case]
    better = "larger is better" if about["higher"] else "smaller is better"
    head = ["contender", f"median, {about['unit']}", "range", "first", "quality", "also"]
    rows = [[r.label, r.value, r.spread, r.cold, r.quality, r.note] for r in cells(entry, case)]
    return f"**{about['title']}** ({about['unit']}, {better})\n\n{table(head, rows)}"


def growth_table(entry: dict[str, Any]) -> str:
    """Points of curves: one row per case, its only contender's figures."""
    (name,) = entry["figures"] or (None,)
    if name is None:
        return case_table(entry, next(iter(entry["cases"])))
    rows = []
    for case, about in entry["cases"].items():
        got_ = entry["figures"][name][case]
        ok = got_["status"] == "ok"
        value = number(got_["value"]) if ok else got_["why"]
        rows.append(
            [
                about["title"],
                value,
                f"{number(got_['low'])} … {number(got_['high'])}" if ok else "",
                about["unit"],
            ]
        )
    return table(["case", "median", "range", "unit"], rows)


def about_run(entry: dict[str, Any]) -> str:
    m = entry["machine"]
    variables = "".join(f", {k}={v}" for k, v in m["variables"].items())
    libraries = ", ".join(f"{name} {version}" for name, version in entry["versions"].items())
    tiny = " **Tiny form: says nothing about speed.**" if entry["tiny"] else ""
    return (
        f"<sub>{entry['date']}, {entry['repeats']} rounds, {entry['seconds']} s,{tiny} {m['processor']},"
        f" {m['cores']} cores ({' '.join(m['flags'])}), {m['memory_gib']} GiB, {m['system']}{variables};"
        f" load average before {entry['load_before'][0]}; revision {entry['revision'] or 'unknown'}; {libraries}.</sub>"
    )


def section(name: str, entry: dict[str, Any]) -> str:
    parts = [f'<a id="{name}"></a>\n\n## {entry["title"]}', entry["words"]]
    if entry["growth"]:
        parts += [
            "![Time and memory against rows, features and latent size](images/growth.png)",
            growth_table(entry),
        ]
    else:
        parts += [f"Quality: {entry['quality']}."]
        parts += [case_table(entry, case) for case in entry["cases"]]
    if entry["aims"]:
        rows = [[aim["words"], got(aim), wanted(aim), verdict(aim)] for aim in entry["aims"]]
        parts.append(table(["ratio", "measured", "aim", ""], rows))
    if entry["fidelity"]:
        worst = max(entry["fidelity"], key=lambda kept: kept["ratio"])
        fine = "within" if all(kept["reached"] for kept in entry["fidelity"]) else "**not within**"
        parts.append(
            f"Narrows' error over that of its float32 reference, at its worst: {worst['ratio']:.4f} ({fine} 1%)."
        )
    return "\n\n".join([*parts, about_run(entry)])


def render(document: dict[str, Any]) -> str:
    """The whole page."""
    jobs = document["jobs"]
    parts = [HEAD]
    if any(aim.get("ratio") for entry in jobs.values() for aim in entry["aims"]):
        parts.append("![Ratios of Narrows to its peers, with the aims](images/benchmarks.png)")
    parts += [part for part in (summary(jobs),) if part]
    parts += [section(name, entry) for name, entry in jobs.items()]
    return "\n\n".join(part.strip() for part in [*parts, HOW]) + "\n"
