"""What a user sets once: traits of NBChat, from a configuration file or a command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from apart import PATIENCE, environment
from scripted import ScriptedServer
from traitlets import TraitError
from traitlets.config import Application, Config

from nbchat.client.client import Client
from nbchat.client.config import NBChat, settings
from nbchat.client.timeouts import TIMEOUTS
from nbchat.errors import ConfigurationError
from nbchat.session.session import Session


def ipython(folder: Path, code: str, *arguments: str, **more: str) -> tuple[str, str]:
    """What a real `ipython`, started with these arguments, prints to stdout and stderr for this code."""
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--simple-prompt", "--colors=NoColor", *arguments, "-c", code],
        env=environment(IPYTHONDIR=str(folder / ".ipython"), **more),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.stdout, done.stderr


def write_config(folder: Path, *lines: str) -> None:
    profile = folder / ".ipython" / "profile_default"
    profile.mkdir(parents=True)
    (profile / "ipython_config.py").write_text("\n".join(["c = get_config()", *lines]))


SHOW = """
import nbchat
from nbchat.client.config import settings
s = settings()
print(s.model, s.base_url, s.timeout, s.parameters, s.max_retries, s.system, s.headers)
print(nbchat.Session().parameters, nbchat.Session().endpoint.key_source)
"""


def test_a_command_line(tmp_path: Path):
    """Every trait can be set as --NBChat.TRAIT=…, and no warning says that IPython does not know it."""
    shown = ipython(
        tmp_path,
        SHOW,
        "--NBChat.model=some-model",
        "--NBChat.base_url=http://cluster:8000/v1",
        "--NBChat.api_key_env=MY_KEY",
        "--NBChat.timeout=30",
        "--NBChat.parameters={'temperature': 0.2, 'stop': ['END']}",
        "--NBChat.max_retries=5",
        "--NBChat.system=Be brief.",
        "--NBChat.headers={'X-Team': 'a'}",
        MY_KEY="sk-mine",
    )
    values, session = shown[0].splitlines()
    assert values == (
        "some-model http://cluster:8000/v1 30.0 {'temperature': 0.2, 'stop': ['END']} 5 Be brief. {'X-Team': 'a'}"
    )
    assert (session, shown[1]) == ("Parameters(temperature=0.2, stop=['END']) MY_KEY", "")


def test_a_dict_item_by_item(tmp_path: Path):
    """A dict may be given as traitlets has it, item by item, and numbers in it are numbers."""
    arguments = [
        "--NBChat.parameters",
        "temperature=0.2",
        "--NBChat.parameters",
        "stop=END",
        "--NBChat.timeout",
        "connect=3",
    ]
    stdout, stderr = ipython(tmp_path, SHOW, *arguments)
    assert "{'connect': 3} {'temperature': 0.2, 'stop': 'END'}" in stdout
    assert stderr == ""


def test_a_configuration_file(tmp_path: Path, server: ScriptedServer):
    """ipython_config.py is read too, and a command line comes before it."""
    server.answer("*configured*")
    write_config(
        tmp_path,
        f"c.NBChat.base_url = {server.url!r}",
        "c.NBChat.model = 'from-the-file'",
        "c.NBChat.parameters = {'temperature': 0.4}",
        "c.NBChat.api_key_env = 'MY_KEY'",
        "c.NBChat.headers = {'X-Team': 'a'}",
        "c.InteractiveShellApp.extensions = ['nbchat']",
    )
    shown = ipython(tmp_path, "%%chat\nGo", "--NBChat.model=from-the-line", MY_KEY="sk-mine")
    assert shown == ("*configured*\n", "")
    (request,) = server.requests
    assert (request.json["model"], request.json["temperature"]) == ("from-the-line", 0.4)
    assert (request.headers["authorization"], request.headers["x-team"]) == ("Bearer sk-mine", "a")


def test_what_is_wrong_with_it_is_said(tmp_path: Path):
    """A trait that there is not is said, with the one meant; a request field out of bounds is one line in a cell."""
    arguments = ["--NBChat.parameters={'temperature': 5}", "--NBChat.modle=x"]
    stdout, stderr = ipython(tmp_path, "%load_ext nbchat\n%chat status", *arguments)
    assert "`modle` not recognized by `NBChat`.  Did you mean `model`?" in stderr
    assert "temperature must be a number between 0 and 2" in stdout + stderr
    assert "Traceback" not in stdout + stderr


@pytest.mark.parametrize(
    ("trait", "value"),
    [("max_retries", -1), ("timeout", "soon"), ("parameters", ["x"]), ("model", 5), ("base_url", 5), ("headers", 5)],
)
def test_traits_check_their_values(trait: str, value: Any):
    """A value of another type is refused by the trait's name."""
    with pytest.raises(TraitError, match=trait):
        setattr(NBChat(), trait, value)


def test_there_is_no_trait_for_a_key():
    """Configuration files are shared and shown: a key is named by its variable only."""
    assert [name for name in NBChat.class_traits(config=True) if "key" in name] == ["api_key_env"]
    assert all(trait.help for trait in NBChat.class_traits(config=True).values())


def test_arguments_come_first():
    """What a client or a session is told itself comes before what is configured, field by field."""
    given = settings()
    given.parameters, given.model, given.system = {"temperature": 0.2, "top_p": 0.5}, "configured", "Be brief."
    given.timeout, given.max_retries = 7.0, 0
    chat = Session("mine", system="Be long.", temperature=1, base_url="http://h/v1")
    assert chat.parameters.to_dict() == {"model": "mine", "temperature": 1, "top_p": 0.5}
    assert (chat.system, Session(base_url="http://h/v1").system) == ("Be long.", "Be brief.")
    client = Client("http://h/v1")
    assert (client.http.retries(client.endpoint), client.http.phases(client.endpoint)["connect"]) == (0, 7.0)
    client = Client("http://h/v1", timeout={"connect": 3}, max_retries=4)
    assert client.http.retries(client.endpoint) == 4
    assert client.http.phases(client.endpoint) == {**TIMEOUTS, "connect": 3.0}
    assert Session(base_url="http://h/v1").model == "configured"


def test_the_settings_are_those_of_the_application():
    """In a running application the settings are its configuration; without one they are the defaults."""
    assert settings().model is None
    NBChat.clear_instance()
    Application.clear_instance()
    try:
        Application.instance(config=Config({"NBChat": {"model": "of the application"}}))
        assert settings().model == "of the application"
        assert settings() is settings()
    finally:
        Application.clear_instance()


@pytest.mark.parametrize("timeout", [0, -1, {"connect": 0}, {"conect": 3}, {"connect": "3"}, float("nan")])
def test_a_timeout_that_is_none_is_said(timeout: Any):
    """A time that is not positive, or a phase that there is not, is one sentence."""
    with pytest.raises(ConfigurationError, match="timeout"):
        Client("http://h/v1", timeout=timeout)
