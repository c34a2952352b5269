"""A session's request fields as stock ipywidgets, for those who lay out a dashboard of their own, Voilà included."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import ipywidgets  # type: ignore[import-untyped]
from traitlets import TraitError

from nbchat.jupyter.declarations import CONTROLS, declaration
from nbchat.session.events import Event, ParameterChanged, SystemChanged
from nbchat.session.parameters import fields
from nbchat.session.registry import given_or_current
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

    Raises:
        ConfigurationError: It is no session.

    Example:
        >>> box = controls(Session("gpt-4o", temperature=0.2))
        >>> [row.children[0].description for row in box.children[:2]]
        ['system', 'model']
    """
    session = given_or_current(session)
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
        self._control = control = _control(field)
        self._sent = ipywidgets.Checkbox(description="sent", indent=False, layout={"width": "70px"})
        self.box = ipywidgets.HBox([control.widget, self._sent, self._problem])
        self.show(getattr(session.parameters, self._name))
        control.source.observe(lambda _: self._moved(), "value")
        self._sent.observe(lambda _: self._switched(), "value")

    def show(self, value: Any) -> None:
        """Show the session's value."""
        self._showing = True
        try:
            self._sent.value = value is not None
            if value is not None:
                self._control.write(value)
            self._problem.value = ""
        finally:
            self._showing = False

    def _moved(self) -> None:
        if not self._showing:
            self._set(self._control.read)

    def _switched(self) -> None:
        if not self._showing:
            self._set(self._control.read if self._sent.value else lambda: None)

    def _set(self, read: Callable[[], Any]) -> None:
        parameters = self._session.parameters
        try:
            setattr(parameters, self._name, read())
        except TraitError as problem:
            self._problem.value = str(problem)
        else:
            self.show(getattr(parameters, self._name))


class _Control(NamedTuple):
    """A field's widget.

    Attributes:
        widget: What is shown.
        source: The part of it that holds the value.
        read: Returns the value; ``None`` where it is empty.
        write: Shows a value.
    """

    widget: Any
    source: Any
    read: Callable[[], Any]
    write: Callable[[Any], object]


def _control(field: dict[str, Any]) -> _Control:
    return {"slider": _slider, "number": _slider, "tags": _tags}.get(field["control"], _text)(field)


def _slider(field: dict[str, Any]) -> _Control:
    """A slider for what a hand aims at, and a box for all that the field takes."""
    whole = isinstance(field["step"], int)
    low, high = field["reach"]
    slider = (ipywidgets.IntSlider if whole else ipywidgets.FloatSlider)(
        description=field["name"],
        value=field["start"],
        min=low,
        max=high,
        step=field["step"],
        readout=False,
        continuous_update=False,
        tooltip=field["help"],
        style=_STYLE,
        layout={"flex": "1"},
    )
    box = (ipywidgets.IntText if whole else ipywidgets.FloatText)(
        value=field["start"], tooltip=field["help"], layout={"width": "110px"}
    )

    def reached() -> Any:
        return min(max(box.value, low), high)

    def aimed() -> None:
        if slider.value != reached():  # else the slider was moved by the box, which may be beyond its ends
            box.value = slider.value

    slider.observe(lambda _: aimed(), "value")
    box.observe(lambda _: setattr(slider, "value", reached()), "value")
    widget = ipywidgets.HBox([slider, box], layout=_LAYOUT)
    return _Control(widget, box, lambda: box.value, lambda value: setattr(box, "value", value))


def _tags(field: dict[str, Any]) -> _Control:
    tags = ipywidgets.TagsInput(value=[], allow_duplicates=False, tooltip=field["help"], layout={"flex": "1"})
    # Stock tags do not draw the description that they have.
    label = ipywidgets.Label(field["name"], layout={"width": _NAME_WIDTH, "justify_content": "flex-end"})
    return _Control(
        ipywidgets.HBox([label, tags], layout=_LAYOUT),
        tags,
        lambda: list(tags.value) or None,
        lambda value: setattr(tags, "value", [value] if isinstance(value, str) else value),
    )


def _text(field: dict[str, Any]) -> _Control:
    box = ipywidgets.Combobox(
        description=field["name"],
        value="",
        options=field["choices"],
        ensure_option=False,
        continuous_update=False,
        tooltip=field["help"],
        style=_STYLE,
        layout=_LAYOUT,
    )
    parse = fields()[field["name"]].parse
    return _Control(
        box,
        box,
        lambda: parse(box.value) if box.value.strip() else None,
        lambda value: setattr(box, "value", value if isinstance(value, str) else json.dumps(value)),
    )
