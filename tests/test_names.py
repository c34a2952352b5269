"""Names of tools: whatever a server calls them, the API takes them."""

from __future__ import annotations

import re

import pytest

from nbchat.remote.names import api_name


@pytest.mark.parametrize(
    ("name", "prefix", "made"),
    [
        ("get_time", None, "get_time"),
        ("files/read.all", None, "files_read_all"),
        ("get_time", "My clock (v2)", "My_clock_v2_get_time"),
        ("読む", None, "_"),
        ("", "clock", "clock_tool"),
        ("read", "§", "read"),
        ("x" * 100, "clock", "x" * 64),
        ("read", "x" * 100, "x" * 59 + "_read"),
        ("x" * 62, "clock", "c_" + "x" * 62),
    ],
)
def test_a_name_is_made_fit(name: str, prefix: str | None, made: str):
    """Other characters become underscores; what is too long is cut, the prefix first."""
    assert api_name(name, prefix) == made
    assert re.fullmatch("[a-zA-Z0-9_-]{1,64}", made)
