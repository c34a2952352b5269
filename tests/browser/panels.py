"""The panel as a person uses it."""

from __future__ import annotations

from labs import Notebook
from playwright.sync_api import Locator, Page, expect

# A session with a past, without asking anybody.
GROW = """
from nbchat.session.conversation import Node
def grow(texts, **more):
    parent = None
    for i, text in enumerate(texts):
        message = {'role': 'assistant' if i % 2 else 'user', 'content': text}
        chat._conversation.add(Node(str(i), parent, message, f't{i // 2}', **more))
        parent = str(i)
    chat._conversation.head = parent
"""


def panel_of(page: Page, index: int = 0) -> Locator:
    return page.locator(".nbp").nth(index)


def ask(panel: Locator, text: str) -> None:
    """Type a question and send it; it is shown, waiting or running, when this returns."""
    questions = panel.locator(".nbp-question")
    count = questions.count()
    box = panel.get_by_label("Your question")
    box.fill(text)
    box.press("Enter")
    expect(questions).to_have_count(count + 1)


def press(panel: Locator, name: str) -> None:
    """Press the last button of a name, with the keyboard, as one that shows itself only under the mouse can be."""
    button = panel.get_by_role("button", name=name, exact=True).last
    button.focus()
    button.press("Enter")


def value(notebook: Notebook, index: int) -> str:
    """Run a cell that shows a value and return it, as the notebook has it: what is drawn comes a moment later."""
    notebook.run(index)
    # What a cell shows reaches the notebook on another channel than the word that it has run.
    shown = notebook.page.wait_for_function(
        """(index) => {
            const { outputs } = window.jupyterapp.shell.currentWidget.content.model.cells.get(index);
            return outputs.length > 0 && outputs.toJSON();
        }""",
        arg=index,
    ).json_value()
    text = shown[-1]["data"]["text/plain"]
    return text if isinstance(text, str) else "".join(text)


def ready(panel: Locator) -> None:
    """Wait until nothing is asked any more."""
    expect(panel.locator(".nbp-status")).to_have_attribute("data-state", "idle")
