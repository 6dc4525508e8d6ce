"""Figures, and one page that needs nothing beside it."""

from narrows.report.figures import DARK, LIGHT, Ink, curves, figure_png, image_png, latent_map, mosaic
from narrows.report.page import Commands, Facts, Page, Picture, Pictures, Section, Strip, Strips, Table

__all__ = [
    "DARK",
    "LIGHT",
    "Commands",
    "Facts",
    "Ink",
    "Page",
    "Picture",
    "Pictures",
    "Section",
    "Strip",
    "Strips",
    "Table",
    "curves",
    "figure_png",
    "image_png",
    "latent_map",
    "mosaic",
]
