"""The tools that build, check and maintain the book. Nothing here is needed to read or run it."""
