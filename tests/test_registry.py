"""Things found by listing a folder, and the user's own Python files."""

from __future__ import annotations

import operator
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from nuinfer.cli import main
from nuinfer.errors import ConfigError
from nuinfer.registry import FromFile, Registry, imported, is_path, load_file


@dataclass(frozen=True)
class Thing:
    name: str
    order: int = 0


MINE = """
from __future__ import annotations
from dataclasses import dataclass, field

@dataclass(frozen=True)
class Line:
    slope: float = field(default=2.0)

def double(x):
    return Line().slope * x
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> tuple[Path, str]:
    name = f"toys_{abs(hash(request.node.name))}"
    folder = tmp_path / name
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "_helper.py").write_text("raise RuntimeError('never imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "toys_kind", sys.modules[__name__])
    return folder, name


def define(folder: Path, module: str, arguments: str) -> None:
    (folder / f"{module}.py").write_text(f"from toys_kind import Thing\nTOY = Thing({arguments})\n")


def test_things_are_found_and_sorted_by_order_and_name(package: tuple[Path, str]) -> None:
    folder, name = package
    define(folder, "b", "'second'")
    define(folder, "a", "'third'")
    define(folder, "z", "'first', order=-1")
    (folder / "shared.py").write_text("x = 1\n")
    found = Registry(name, "TOY", Thing, ("shared",)).shipped
    assert list(found) == ["first", "second", "third"]
    registry = Registry(name, "TOY", Thing, ("shared",))
    assert registry.shipped is registry.shipped
    assert registry.find("third", "x").order == 0
    with pytest.raises(ConfigError, match=r"^model.toy: 'fourth' is not one of first, second, third, or the path"):
        registry.find("fourth", "model.toy")


def test_a_module_without_its_constant_is_a_mistake(package: tuple[Path, str]) -> None:
    folder, name = package
    (folder / "a.py").write_text("TOY = 1\n")
    with pytest.raises(TypeError, match=rf"{name}.a: defines no TOY of type Thing"):
        Registry(name, "TOY", Thing).find("one", "x")


def test_a_name_that_occurs_twice_is_a_mistake(package: tuple[Path, str]) -> None:
    folder, name = package
    define(folder, "a", "'same'")
    define(folder, "b", "'same'")
    with pytest.raises(TypeError, match=rf"{name}.b: the name 'same' of its TOY is taken"):
        Registry(name, "TOY", Thing).find("one", "x")


def test_a_users_file_goes_to_another_process(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    file = load_file(path, "model.mine")
    function = FromFile(file, operator.methodcaller("function", "double"))
    assert function(2.0) == 4.0
    packed = tmp_path / "packed"
    packed.write_bytes(pickle.dumps(function))
    code = f"import pickle, pathlib; print(pickle.loads(pathlib.Path({str(packed)!r}).read_bytes())(3.0))"
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
        ).stdout
        == "6.0\n"
    )
    path.write_text(MINE + "\n# changed\n")
    with pytest.raises(ConfigError, match=r"^model.mine: '.*mine.py' has changed while it was in use$"):
        pickle.loads(packed.read_bytes())  # noqa: S301 - ours


def test_what_runs_is_the_text_that_was_read(tmp_path: Path) -> None:
    """Two texts written within one tick of the clock and of one length, which a stale .pyc would confuse."""
    path = tmp_path / "mine.py"
    values = []
    for value in (1, 2):
        path.write_text(f"VALUE = {value}\n")
        values.append(load_file(path, "x").constant("VALUE", int))
    assert values == [1, 2]
    assert not list(tmp_path.rglob("*.pyc"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("mine.py", None, r"model.mine: '.*' cannot be read \(No such file or directory\)"),
        ("mine.txt", "", r"model.mine: '.*' is not a Python file \(its name must end in .py\)"),
        ("mine.py", "x = \n", r"model.mine: '.*' cannot be loaded: SyntaxError"),
        ("mine.py", "import nothing_of_that_name\n", r"model.mine: '.*' cannot be loaded: ModuleNotFoundError"),
    ],
)
def test_a_file_that_cannot_be_loaded_is_named(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=f"^{message}") as caught:
        load_file(path, "model.mine")
    assert "\n" not in str(caught.value)


def test_a_file_without_what_is_needed_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("LAW = 1\n")
    file = load_file(path, "model.mine")
    with pytest.raises(ConfigError, match=r"model.mine: '.*' defines no LAW = Thing\(...\)"):
        file.constant("LAW", Thing)
    with pytest.raises(ConfigError, match=r"model.mine: '.*' defines no function build\(charges\)"):
        file.function("build", "(charges)")


def test_a_missing_library_says_how_to_get_it() -> None:
    assert imported("math").pi > 3.0
    with pytest.raises(ConfigError, match=r"^plot: nothing_here is not installed; pip install 'nuinfer\[extra\]'$"):
        imported("nothing_here.at_all", "plot", "extra")
    with pytest.raises(ImportError):
        imported("nothing_here")


@pytest.mark.parametrize(
    ("library", "extra", "command"),
    [
        ("dynesty", "compare", "compare hese7 --vary model.source=pp,neutron --out compared"),
        ("yaml", "export", "export hese7 --format cobaya --out hese7.yaml"),
    ],
)
def test_a_command_that_needs_an_extra_names_it(library, extra, command, tmp_path, monkeypatch, capsys):
    """Before it works or writes anything."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, library, None)
    assert main(command.split()) == 2
    (said,) = capsys.readouterr().err.splitlines()[-1:]
    assert said.endswith(f": {library} is not installed; pip install 'nuinfer[{extra}]'")
    assert not list(tmp_path.iterdir())


def test_a_path_is_told_from_a_name() -> None:
    assert is_path("~/laws/mine.py")
    assert is_path("mine.py")
    assert not is_path("nufit6.0")
