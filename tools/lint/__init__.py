"""The rules that `tools.lint_notebooks` applies, one small function each."""
