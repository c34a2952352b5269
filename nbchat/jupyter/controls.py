"""A session's request fields as stock ipywidgets, for those who lay out a dashboard of their own, Voilà included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets  # type: ignore[import-untyped]
from traitlets import TraitError

from nbchat.jupyter.declarations import CONTROLS, declaration
from nbchat.session.events import Event, ParameterChanged, SystemChanged
from nbchat.session.registry import get_session
from nbchat.session.session import Session

__all__ = ["controls"]

_NAME_WIDTH = "130px"
_STYLE = {"description_width": _NAME_WIDTH}
_LAYOUT = {"width": "420px"}


def controls(session: Session | None = None) -> ipywidgets.VBox:
    """Return a box of stock widgets bound to a session's request fields, both ways.

    Each field has a checkbox that says whether it is sent at all. What a user moves is the session's next request; what
    code or ``%chat set`` sets moves the widget.

    Args:
        session: The session; ``None`` for the one that ``%%chat`` uses.

    Example:
        >>> box = controls(Session("gpt-4o", temperature=0.2))
        >>> [row.children[0].description for row in box.children[:2]]
        ['system', 'model']
    """
    session = session or get_session()
    rows = {name: _Row(session, declaration(name)) for name in CONTROLS}
    system = ipywidgets.Textarea(
        session.system or "", description="system", style=_STYLE, layout=_LAYOUT, continuous_update=False
    )
    system.observe(lambda change: setattr(session, "system", change["new"].strip() or None), "value")

    def told(event: Event) -> None:
        if isinstance(event, ParameterChanged) and event.name in rows:
            rows[event.name].show(event.new)
        elif isinstance(event, SystemChanged):
            system.value = event.system or ""

    # The subscription lives as long as the session: the widgets have no end that could be noticed.
    session.subscribe(told)
    return ipywidgets.VBox([ipywidgets.HBox([system]), *(row.box for row in rows.values())])


class _Row:
    """One field: its widget, and whether it is sent."""

    def __init__(self, session: Session, field: dict[str, Any]) -> None:
        self._session = session
        self._name: str = field["name"]
        self._showing = False
        self._problem = ipywidgets.Label()
        self._widget, self._read, self._write = _widget(field)
        self._widget.tooltip = field["help"]
        self._sent = ipywidgets.Checkbox(description="sent", indent=False, layout={"width": "70px"})
        self.box = ipywidgets.HBox([_named(self._name, self._widget), self._sent, self._problem])
        self.show(getattr(session.parameters, self._name))
        self._widget.observe(lambda _: self._moved(), "value")
        self._sent.observe(lambda _: self._switched(), "value")

    def show(self, value: Any) -> None:
        """Show the session's value."""
        self._showing = True
        try:
            self._sent.value = value is not None
            if value is not None:
                self._write(value)
            self._problem.value = ""
        finally:
            self._showing = False

    def _moved(self) -> None:
        if not self._showing:
            self._set(self._read())

    def _switched(self) -> None:
        if not self._showing:
            self._set(self._read() if self._sent.value else None)

    def _set(self, value: Any) -> None:
        try:
            setattr(self._session.parameters, self._name, value)
        except TraitError as problem:
            self._problem.value = str(problem)


def _named(name: str, widget: Any) -> Any:
    """Return a widget with a name before it; stock tags do not draw the description that they have."""
    if not isinstance(widget, ipywidgets.TagsInput):
        widget.description, widget.style, widget.layout = name, _STYLE, _LAYOUT
        return widget
    label = ipywidgets.Label(name, layout={"width": _NAME_WIDTH, "justify_content": "flex-end"})
    widget.layout = {"flex": "1"}
    return ipywidgets.HBox([label, widget], layout=_LAYOUT)


def _widget(field: dict[str, Any]) -> tuple[Any, Callable[[], Any], Callable[[Any], None]]:
    """Return the stock widget of a field, and how its value is read and written."""
    low, high = field["reach"]
    options = {"step": field["step"], "continuous_update": False}
    if field["control"] == "slider" and isinstance(field["step"], int):
        whole = ipywidgets.IntSlider(value=field["start"], min=low, max=high, **options)
        return whole, lambda: whole.value, lambda value: _reach(whole, value)
    if field["control"] == "slider":
        part = ipywidgets.FloatSlider(value=field["start"], min=low, max=high, readout_format=".2f", **options)
        return part, lambda: part.value, lambda value: _reach(part, value)
    if field["control"] == "tags":
        tags = ipywidgets.TagsInput(value=[], allow_duplicates=False)
        return (
            tags,
            lambda: list(tags.value) or None,
            lambda value: setattr(tags, "value", [value] if isinstance(value, str) else value),
        )
    box = ipywidgets.Combobox(value="", options=field["choices"], ensure_option=False, continuous_update=False)
    return box, lambda: box.value or None, lambda value: setattr(box, "value", str(value))


def _reach(slider: Any, value: float) -> None:
    """Set a slider to a value that may lie beyond its ends: the field's own bounds are wider than what a hand aims at."""
    slider.min, slider.max = min(slider.min, value), max(slider.max, value)
    slider.value = value
