"""Source shown on a page is the real source."""

import inspect

import pytest

from course_lib import claims, notebook


def documented(x):
    """Show ```python
    code``` inside."""
    return x


def referring(x):
    """Do what :func:`documented` and :meth:`~claims.Claim.check` do."""
    return x


class Outer:
    def method(self):
        return 1


@pytest.fixture
def shown(monkeypatch) -> list:
    found = []
    monkeypatch.setattr(notebook, "publish", lambda plain, **bundle: found.append((plain, bundle)))
    return found


def test_it_is_the_real_source(shown):
    notebook.show_source(claims.readable)
    ((plain, bundle),) = shown
    assert plain == inspect.getsource(claims.readable).rstrip("\n")
    assert bundle["text/markdown"] == f"```python\n{plain}\n```"


def test_several_objects_in_order(shown):
    notebook.show_source(claims.ClaimError, claims.slug)
    plain = shown[0][0]
    assert plain.index("class ClaimError") < plain.index("\n\n\ndef slug")


def test_a_method_is_dedented(shown):
    notebook.show_source(Outer.method)
    assert shown[0][0] == "def method(self):\n    return 1"


def test_what_arguments_must_be_is_left_out(shown):
    notebook.show_source(claims.slug)
    source = inspect.getsource(claims.slug).rstrip("\n")
    assert source.startswith("@takes(")
    assert shown[0][0] == source[source.index("def slug") :]


def test_backticks_in_the_source_do_not_end_the_block(shown):
    notebook.show_source(documented)
    markdown = shown[0][1]["text/markdown"]
    assert markdown.startswith("````python\n")
    assert markdown.endswith("\n````")


def test_of_a_role_the_name_is_left(shown):
    notebook.show_source(referring)
    assert '"""Do what ``documented`` and ``claims.Claim.check`` do."""' in shown[0][0]


def test_outside_a_notebook_it_prints(capsys):
    notebook.show_source(claims.slug)
    assert capsys.readouterr().out.startswith("def slug(statement: str) -> str:")


@pytest.mark.parametrize("item", [len, 3, "text"])
def test_what_has_no_source(item):
    with pytest.raises(ValueError, match="cannot be found"):
        notebook.show_source(item)


def test_nothing_to_show():
    with pytest.raises(ValueError, match="at least one"):
        notebook.show_source()
