"""The command line: one verb for each thing an autoencoder does, over the same functions as the library."""

from narrows.cli.app import main

__all__ = ["main"]
