"""docs/reference is what the code would write today."""

import pytest

from docs.reference import FOLDER, pages


@pytest.mark.parametrize("name", pages())
def test_the_reference_is_what_the_code_says(name: str) -> None:
    written = (FOLDER / name).read_text(encoding="utf-8")
    assert written == pages()[name], "run: make reference"


def test_every_page_of_the_folder_is_written() -> None:
    assert {each.name for each in FOLDER.iterdir()} == set(pages())
