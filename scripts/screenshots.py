"""Takes the README's pictures: a `%%chat` cell, the panel and tools in a real JupyterLab, answered by the embedded model.

.venv/bin/python scripts/screenshots.py docs/images
"""

from __future__ import annotations

import json
import pathlib
import sys
import tempfile

from playwright.sync_api import Page, sync_playwright

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "browser")]

from labs import Notebook, jupyter  # noqa: E402

from scripts import browser  # noqa: E402

CELLS = [
    "%load_ext nbchat",
    (
        '%%chat -m local -t 0 --max-tokens 220 --system "You are a helpful teacher. Use Markdown."\n'
        "Show me how to read a CSV file with pandas, with a short code example."
    ),
    "%%chat -m local -t 0 --max-tokens 200\nExplain what read_csv returns, as a list of three points.",
]


PANEL = [
    (
        "import nbchat\n"
        'nbchat.Session("local").send("Hi")\n'
        'chat = nbchat.Session("local", system="You are a helpful teacher. Use Markdown.", temperature=0, max_tokens=220)'
    ),
    "chat.panel()",
]
# Functions that hold data of their own: what is shown comes from the model's calls of them.
TOOLS = [
    (
        "import nbchat, pandas as pd\n"
        "from matplotlib.figure import Figure\n\n"
        'sales = pd.DataFrame({"month": ["Jan", "Feb", "Mar"], "sold": [310, 284, 402], "returned": [12, 9, 21]})\n'
        'chat = nbchat.Session("local", temperature=0, max_tokens=100)\n\n'
        "@chat.tool\n"
        "def show_sales() -> pd.DataFrame:\n"
        '    """Show the sales of each month."""\n'
        "    return sales\n\n"
        "@chat.tool\n"
        "def plot_sales() -> Figure:\n"
        '    """Plot the sales."""\n'
        '    figure = Figure((6, 2.6), layout="constrained")\n'
        '    sales.plot.bar(x="month", ax=figure.subplots())\n'
        "    return figure\n\n"
        "@chat.tool(approve=True)\n"
        "def delete_file(name: str) -> str:\n"
        '    """Delete a file."""\n'
        '    return f"{name} is deleted"'
    ),
    "chat.panel()",
    'chat.send("Show the sales.", tool_choice="show_sales")',
    'chat.send("Plot the sales.", tool_choice="plot_sales")',
    'turn = chat.stream("Delete the file old.csv.", tool_choice="delete_file")',
]
QUESTION = "Show me how to read a CSV file with pandas, with a short code example."


def in_theme(page: Page, theme: str) -> None:
    """Change the theme, and close the side bar."""
    page.evaluate(
        """async (theme) => {
            await window.jupyterapp.commands.execute('apputils:change-theme', {theme});
            await window.jupyterapp.commands.execute('application:toggle-left-area').catch(() => null);
        }""",
        f"JupyterLab {theme}",
    )


def take_panel(page: Page, url: str, folder: pathlib.Path, theme: str, target: pathlib.Path) -> None:
    """Ask in the panel, with its controls open, and take a picture of the answer."""
    notebook = Notebook(page, url, folder, f"panel-{theme.lower()}.ipynb", PANEL).open()
    in_theme(page, theme)
    notebook.run(0)
    notebook.run(1)
    panel = page.locator(".nbp")
    panel.get_by_role("button", name="Controls").click()
    box = panel.get_by_label("Your question")
    box.fill(QUESTION)
    box.press("Enter")
    panel.locator(".nbp-meter").wait_for(timeout=120_000)
    page.set_viewport_size({"width": 1000, "height": 820})  # the panel, and the cell that opens it
    page.locator(".jp-Notebook .jp-Cell").nth(1).evaluate("(cell) => cell.scrollIntoView({ block: 'start' })")
    page.wait_for_timeout(500)  # what comes in under the mouse fades in
    page.screenshot(path=target / f"panel-{theme.lower()}.png")


def take_tools(page: Page, url: str, folder: pathlib.Path, theme: str, target: pathlib.Path) -> None:
    """Have the model call tools, and take a picture while the last one waits for a person's word."""
    notebook = Notebook(page, url, folder, f"tools-{theme.lower()}.ipynb", TOOLS).open()
    in_theme(page, theme)
    page.set_viewport_size({"width": 1000, "height": 1080})
    for cell in range(len(TOOLS)):
        notebook.run(cell)
        if cell == 1:
            page.locator(".nbp").evaluate(
                "(panel) => { panel.style.height = '880px'; panel.style.maxHeight = 'none'; }"
            )
    page.get_by_role("button", name="Allow", exact=True).wait_for(timeout=120_000)
    page.locator(".nbp-given img").wait_for()
    page.locator(".jp-Notebook .jp-Cell").nth(1).evaluate("(cell) => cell.scrollIntoView({ block: 'start' })")
    page.wait_for_timeout(1500)  # pictures are decoded, and the panel follows its end
    page.screenshot(path=target / f"tools-{theme.lower()}.png")
    page.get_by_role("button", name="Don't allow", exact=True).click()
    page.set_viewport_size({"width": 1000, "height": 720})


def take(page: Page, url: str, folder: pathlib.Path, theme: str, target: pathlib.Path) -> None:
    """Run the notebook in one theme and take a picture while the second answer streams."""
    notebook = Notebook(page, url, folder, f"chat-{theme.lower()}.ipynb", CELLS).open()
    in_theme(page, theme)
    notebook.run(0)
    notebook.run(1)
    notebook.start(2)
    page.wait_for_function(
        "() => document.querySelectorAll('.jp-Cell-outputArea')[2].innerText.length > 170", timeout=60_000
    )
    page.screenshot(path=target / f"streaming-{theme.lower()}.png")
    notebook.wait(2)


def without_other_extensions(folder: pathlib.Path) -> None:
    """Leave out of JupyterLab what only our tests install: a reader has no button of Voilà's."""
    file = folder / ".home" / "config" / "labconfig" / "page_config.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"disabledExtensions": {"@voila-dashboards/jupyterlab-preview": True}}))


def main(target: pathlib.Path) -> None:
    """Take all pictures into a folder."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = pathlib.Path(name)
        without_other_extensions(folder)
        with jupyter(folder) as url:
            chromium = playwright.chromium.launch(
                executable_path=browser.find(), args=["--no-sandbox", "--disable-gpu"]
            )
            for theme in ("Light", "Dark"):
                page = chromium.new_page(viewport={"width": 1000, "height": 720}, device_scale_factor=1.5)
                take(page, url, folder, theme, target)
                take_panel(page, url, folder, theme, target)
                take_tools(page, url, folder, theme, target)
                page.close()
            chromium.close()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "docs" / "images"))
