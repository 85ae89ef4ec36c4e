"""Runs, here and on other machines: planned, begun, resumed, carried out."""
