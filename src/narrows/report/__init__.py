"""Figures, and one page that needs nothing beside it."""

from narrows.report.blocks import Chart, Commands, Facts, Folded, Picture, Pictures, Strip, Strips, Table
from narrows.report.figures import DARK, LIGHT, Ink, curves, figure_png, image_png, latent_map, mosaic
from narrows.report.live import Column, Scatter, Slider
from narrows.report.model import model_page
from narrows.report.page import Page, Section

__all__ = [
    "DARK",
    "LIGHT",
    "Chart",
    "Column",
    "Commands",
    "Facts",
    "Folded",
    "Ink",
    "Page",
    "Picture",
    "Pictures",
    "Scatter",
    "Section",
    "Slider",
    "Strip",
    "Strips",
    "Table",
    "curves",
    "figure_png",
    "image_png",
    "latent_map",
    "model_page",
    "mosaic",
]
