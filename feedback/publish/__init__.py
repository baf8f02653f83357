"""Figures to Markdown and SVG, to a built site, swapped in whole."""
