"""How does a chapter become a talk? From marks in its notebook.

1. `marks`: a cell whose metadata hold ``"slide"`` becomes a slide; what a mark may say, and the
   problems that it can have.
2. `talk`: the slides of a chapter in their order, with those that need no mark: the title, what
   you will be able to do, the take-aways, the address.
3. `export`: nbconvert's exporter for slides writes one HTML file a chapter; reveal.js and MathJax
   lie beside them, so that a deck shows without a network.

The figures and the cards are those of the last run, from the cache of the build. Run it with
``python -m tools.slides`` (this is what ``make slides`` does); the decks lie in ``_build/slides``.
"""
