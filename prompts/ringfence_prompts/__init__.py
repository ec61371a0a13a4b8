"""The texts that ringfence shows to models: one text, one Markdown file. They import nothing."""

from importlib.resources import files


def load(name: str) -> str:
    """The text called `name`, as it stands in `name.md`.

    Raises:
        FileNotFoundError: there is no such text.
    """
    if not name.isidentifier():
        raise FileNotFoundError(f"No text is called {name!r}.")
    return files(__package__).joinpath(f"{name}.md").read_text(encoding="utf-8").strip()
