"""How does the book get from notebooks without outputs to a site? Four small steps.

1. `keys`: everything a notebook's outputs depend on, as one SHA-256 key.
2. `execute` and `cache`: run the notebooks whose key is not in the cache, three at a time.
3. `stage`: lay out a source tree in which every notebook carries the outputs of its last run.
4. `site`: let Jupyter Book turn that tree into HTML, with warnings as errors.

Run it with ``python -m tools.book --size small`` (this is what ``make book`` does).
"""
