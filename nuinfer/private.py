"""Folders for what runs code when it is read: nobody but this user can write to them."""

import os
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
