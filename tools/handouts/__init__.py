"""How does one notebook become two hand-outs? Students get it without the solutions.

1. `stubs`: the function that an exercise checks, made empty, so that it fails its check clearly.
2. `editions`: the students' edition with stubs in place of the solutions and no outputs, and the
   teacher's edition with solutions, outputs and what to say to the slides.

Both are written in plain Markdown (`tools.markdown`). Run it with ``python -m tools.handouts``
(this is what ``make handouts`` does); the hand-outs lie in ``_build/handouts``.
"""
