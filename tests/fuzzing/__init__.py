"""Fuzzing of the public functions of ``course_lib``: what is known of each, and how it is tried.

``registry`` holds a valid call for each public function, ``examples_*`` fill it, ``mutations``
spoils one argument of such a call, and ``verdict`` judges what the function says to that.
"""
