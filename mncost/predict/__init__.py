"""Latency that was not measured: predicted from a few networks measured on the same machine."""

PREDICTIONS = {"Network": "mncost.predict.profile:predict"}
"""Which function predicts a class; see :mod:`mncost.render.shown`."""
