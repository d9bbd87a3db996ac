"""The pictures of the documentation are what running the specs gives, byte by byte."""

import xml.etree.ElementTree as ElementTree

import pytest

from reports import render
from simkernel.errors import UsageError
from tests.meta.gallery import FOLDER, pictures


def test_the_pictures_are_what_the_specs_give_now() -> None:
    try:
        render.program("graphviz-pure")
    except UsageError:
        pytest.skip("needs graphviz-pure")
    made = dict(pictures())
    assert set(made) == {path.name for path in FOLDER.iterdir()}
    differ = [name for name, data in made.items() if (FOLDER / name).read_bytes() != data]
    assert differ == [], "python -m tests.meta.gallery --write"


def test_every_picture_is_valid_xml() -> None:
    for path in FOLDER.iterdir():
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
