"""Descriptions out of docstrings, in the three styles."""

import pytest

from nbchat.tools.docstrings import Docstring, read_docstring

GOOGLE = """Get the weather.

    It is that of now,
    not a forecast.

    Args:
        city: The city, such
            as "Paris": by its name.
        unit (str, optional): C or F.
        *days: Which days.
        **options: More.

    Returns:
        The temperature.

    Raises:
        ValueError: There is no such city.

    Example:
        >>> weather("Rome")
    """
NUMPY = """Get the weather.

    It is that of now,
    not a forecast.

    Parameters
    ----------
    city : str
        The city, such
        as "Paris": by its name.
    unit, scale : {"C", "F"}, optional
        C or F.
    *days : int
        Which days.
    **options
        More.

    Returns
    -------
    float
        The temperature.

    Notes
    -----
    Be kind.
    """
SPHINX = """Get the weather.

    It is that of now,
    not a forecast.

    :param city: The city, such
        as "Paris": by its name.
    :type city: str
    :param str unit: C or F.
    :param days: Which days.
    :param options: More.
    :returns: The temperature.
    :raises ValueError: There is no such city.
    """
NAMES = ["city", "unit", "days", "options", "unsaid"]


@pytest.mark.parametrize("text", [GOOGLE, NUMPY, SPHINX], ids=["google", "numpy", "sphinx"])
def test_each_style_says_the_same(text):
    """Google's, NumPy's and Sphinx's way to write a docstring give the same descriptions."""
    assert read_docstring(text, NAMES) == Docstring(
        "Get the weather.\n\nIt is that of now,\nnot a forecast.",
        {
            "city": 'The city, such as "Paris": by its name.',
            "unit": "C or F.",
            "days": "Which days.",
            "options": "More.",
        },
    )


def test_names_that_share_a_line_share_a_description():
    """NumPy's style may describe two arguments at once."""
    assert read_docstring(NUMPY, ["scale"]).members == {"scale": "C or F."}


def test_only_what_is_asked_for_is_told():
    """A description of something that is no argument is left out."""
    assert read_docstring(GOOGLE, ["city"]).members.keys() == {"city"}


@pytest.mark.parametrize("text", [None, "", "   \n "])
def test_no_docstring_says_nothing(text):
    """Where there is no docstring there is no description."""
    assert read_docstring(text, NAMES) == Docstring()


@pytest.mark.parametrize(
    "text",
    [
        "Add two numbers.",
        "Note: it is slow.\n\n- first: a\n- second: b",
        "See `https://example.org`::\n\n    code: here\n\nMore.",
        "Use it so: like this.",
    ],
)
def test_a_docstring_in_no_style_is_the_description(text):
    """What follows no style is told as it is."""
    assert read_docstring(text, NAMES) == Docstring(text)


def test_the_style_that_fits_the_arguments_counts():
    """A line that looks like another style's field does not take the descriptions away."""
    text = "Send it.\n\n:note: slow\n:note: really\n:note: yes\n\nArgs:\n    city: Where to."
    assert read_docstring(text, ["city"]).members == {"city": "Where to."}


def test_attributes_of_a_class_are_members():
    """The attributes section of a class describes its members."""
    text = "A city.\n\nAttributes:\n    name: As it is called."
    assert read_docstring(text, ["name"]) == Docstring("A city.", {"name": "As it is called."})
