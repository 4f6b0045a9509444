"""Settings of ``make docs``."""

project = "Weft"
author = "the Weft authors"
copyright = author
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "Weft"
napoleon_google_docstring = False
autodoc_typehints = "none"
autodoc_default_options = {"members": True}
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings = ["toc.empty_glob"]  # the glob takes in pages of any later name
