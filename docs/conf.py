"""How Sphinx makes the site; `python tools/site.py` prepares the pages and calls it."""

project = "mncost"
copyright = "the mncost authors"
html_title = "mncost"
html_theme = "furo"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["project/examples/*.toml"]

myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
default_role = "code"
smartquotes = False  # `--output` keeps its two hyphens
