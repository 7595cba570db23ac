"""Folders for what runs code when it is read, and for caches: nobody but this user can write to them."""

import os
import sys
import tempfile
from pathlib import Path

OTHERS = 0o022  # may write


def private(folder: Path) -> Path | None:
    """A folder of this user, made if it is not there; None if it cannot be made, or others may write to it.

    Examples
    --------
    >>> private(Path("/")) is None or os.getuid() == 0
    True
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found, owners = folder.stat(), {folder.stat().st_uid, folder.lstat().st_uid}  # of what a link leads to, too
    except OSError:
        return None
    own = not hasattr(os, "getuid") or (owners == {os.getuid()} and not found.st_mode & OTHERS)
    return folder if own else None


def beside_temporary_files() -> Path:
    """A private folder that lasts as long as temporary files do, for where the home cannot be written to.

    Raises
    ------
    OSError
        If there can be none.
    """
    own = Path(tempfile.gettempdir()) / f"nuinfer-{getattr(os, 'getuid', int)()}"
    return private(own) or Path(tempfile.mkdtemp(prefix="nuinfer-"))


def give_matplotlib_a_place() -> None:
    """Let matplotlib keep what it knows of fonts in a private folder if it cannot in its own, for workers too.

    It would say so in two lines, and look at all fonts again in every process. Called before it is imported.
    """
    if os.environ.get("MPLCONFIGDIR") or "matplotlib" in sys.modules:
        return
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - which fails where there is none
    on_linux = Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config") / "matplotlib"
    usual = on_linux if sys.platform.startswith(("linux", "freebsd")) else home / ".matplotlib"
    try:
        usual.mkdir(parents=True, exist_ok=True)
        writable = os.access(usual, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        os.environ["MPLCONFIGDIR"] = str(beside_temporary_files() / "matplotlib")
