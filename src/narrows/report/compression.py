"""The section about a codec: how small rows become, and at which error, beside other ways."""

from __future__ import annotations

import math
from typing import Any

from narrows.report.blocks import Chart, Facts, Picture, Table
from narrows.report.fidelity import said
from narrows.report.page import Section
from narrows.report.rate_curve import height, rate_curve

# What a point's setting is called, by the name of its way.
SETTINGS = {
    "codec within bounds": "within {}",
    "PCA and rANS": "step {}",
    "rounding and zstd": "within {}",
    "JPEG": "quality {}",
    "WebP": "quality {}",
}
COUNTED = (
    "Bytes are those of whole files that the codec's owner could decode; the model, which serves any number of them, is"
    " not among them. PCA has the quantiser and the coder of the codec; the frequencies of its symbols, and components"
    " beyond the codec's, come from two thirds of these rows, and the bytes are those of the last, in turn."
)


def section(rates: Any) -> Section:
    """What :func:`narrows.rates` found."""
    told = [_size(rates), _beside(rates)]
    blocks: list[Any] = [Facts(_facts(rates))]
    notes = []
    if rates.curves:
        blocks.append(_chart(rates))
        notes = [" ".join([COUNTED, *_extras(rates)])]
    return Section("Compression", [text for text in told if text], blocks, notes)


def _size(rates: Any) -> str:
    sizes, bits = rates.sizes, said(rates.chosen.bits_per_value)
    times = said(sizes["raw"] / max(1, rates.chosen.stored))
    return (
        f"{sizes['raw']:,} bytes become {sizes['stored']:,}: {times} times fewer, {bits} bits of a value, with"
        f" {rates.promise}."
    )


def _beside(rates: Any) -> str:
    """How many bytes other ways take at the same error."""
    found = [(name, said(float(f"{times:.3g}"))) for name, times in rates.beside().items()]
    if not found:
        return ""
    (first, most), *rest = found
    others = [f"{name} {times}" for name, times in rest]
    end = (
        f", {', '.join(others[:-1])} and {others[-1]}"
        if len(others) > 1
        else "".join(f", {o}" for o in others)
    )
    return f"At the same mean squared error {first} would take {most} times as many bytes{end}."


def _facts(rates: Any) -> dict[str, str]:
    sizes, n = rates.sizes, rates.rows
    payload = sizes["stored"] - (sizes["model"] if sizes["inside"] else 0)
    saved = (sizes["raw"] - payload) / max(1, n)
    enough = (
        f"fewer bytes from {math.ceil(sizes['model'] / saved):,} such rows on" if saved > 0 else "never fewer"
    )
    chunks = [f"{count} by {way}" for way, count in sizes["chunks"].items() if count]
    without = rates.lossless
    return {
        "rows": f"{n:,}" + (f" of {rates.total:,}" if n < rates.total else ""),
        "raw": f"{sizes['raw']:,} bytes",
        "stored": f"{sizes['stored']:,} bytes",
        "ratio": said(sizes["raw"] / max(1, payload)),
        "model": f"{sizes['model']:,} bytes",
        "with the model": enough,
        "chunks": ", ".join(chunks) or "none",
        "largest error": said(sizes["error"]),
        "without loss": f"{said(without['codec'].bits_per_value)} bits of a value; zstd alone"
        f" {said(without['zstd'].bits_per_value)}",
    }


def _chart(rates: Any) -> Chart:
    picture = Picture.drawn(
        lambda ink: rate_curve(rates.curves, apart=rates.apart, chosen=rates.chosen, ink=ink),
        f"Error against bits of a value, of {', '.join(rates.curves)}",
    )
    unit = "RMSE, σ of a column" if rates.apart else "RMSE"
    decibels = any(math.isfinite(point.psnr) for points in rates.curves.values() for point in points)
    lines = []
    for name, points in rates.curves.items():
        for point in points:
            share = rates.apart and name in ("codec within bounds", "rounding and zstd")
            setting = f"{100 * point.setting:g}%" if share else said(point.setting)
            lines.append(
                [
                    f"{name}, {SETTINGS[name].format(setting)}" if name in SETTINGS else name,
                    said(point.bits_per_value),
                    f"{point.stored:,}",
                    "–"
                    if math.isnan(point.squared(rates.apart))
                    else said(math.sqrt(point.squared(rates.apart))),
                    *([said(point.psnr) if math.isfinite(point.psnr) else "–"] if decibels else []),
                ]
            )
    heads = ["way", "bits of a value", "bytes", unit, *(["PSNR, dB"] if decibels else [])]
    caption = (
        "Bounds are shares of a column's range." if rates.apart else "Bounds are in the units of the values."
    )
    told = "Higher is a smaller error, farther left fewer bytes."
    return Chart(picture, Table(caption, heads, lines), told, width=40)


def _extras(rates: Any) -> list[str]:
    """What else is known of single points."""
    found = []
    own = rates.own_pca
    if own is not None and math.isfinite(height(own, False, rates.apart)):
        found.append(
            f"With the codec's own step ({said(own.setting)}) and frequencies of the rows that it was fitted on, PCA"
            f" takes {said(own.bits_per_value)} bits at an error of {said(height(own, False, rates.apart))}."
        )
    if "codec within bounds" in rates.curves:
        found.append(
            "Bounds hold for every single value, which costs bits that a mean error does not show; zstd gets values"
            " rounded to the same bounds."
        )
    if "JPEG" in rates.curves:
        found.append("JPEG and WebP get all pictures as one mosaic, from the least value to the largest.")
    return found
