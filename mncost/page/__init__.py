"""A run, or a comparison, as one HTML page."""

REPORTS = {"Results": "mncost.page.report:report"}
"""Which function makes the page of a class; see :mod:`mncost.render.shown`."""
