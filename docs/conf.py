"""How the site is built (``make docs``): the pages of this folder, and those in the root that a code host shows."""

from pathlib import Path

project = "Cloud Assistant"
author = "the Cloud Assistant authors"
html_title = project

extensions = ["myst_parser"]
root_doc = "docs/index"
include_patterns = ["*.md", "docs/**", "compose/README.md"]
exclude_patterns = [".venv", ".run", "build", "dist", "broker", "workers", "scheduler", "tests", "benchmarks"]
myst_heading_anchors = 3  # links to headings, as the code host makes them

html_theme = "furo"  # system fonts, and no script or style from elsewhere
html_additional_pages = {"index": "to-the-site.html"}
templates_path = [str(Path(__file__).parent / "templates")]
html_show_copyright = False
html_copy_source = False
