"""SIGKILL at every file that is made before the work begins: with --resume the folder can be had all the same."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import sys
import warnings

import pytest

import nuinfer
from nuinfer.cli import main
from nuinfer.inference.sampling import fit as fits
from nuinfer.inference.work.calls import Inline
from nuinfer.inference.work.store import Store

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")

EVENTS = ("open", "os.mkdir", "os.rename", "os.remove", "os.truncate")
CAMPAIGN = '[jobs.fits]\ntask = "best_fit"\nanalysis = "hese7_icecube"\n'
COMMANDS = {
    "fit": "fit toy --out {} --seed 1",
    "campaign": "campaign {}.toml --out {}",
    "compare": "compare hese7_icecube --vary model.source=pp,neutron --out {}",
    "forecast": "forecast hese7_icecube --at m_zprime_mev=8 --at g_prime=0.01 --exposures 1 --out {}",
    "limit": "limit hese7_icecube --mass 8 --out {}",
    "calibrate": "calibrate hese7_icecube -n 2 --out {}",
}


class BegunError(Exception):
    """The folder is ours, and the work would begin."""


def begin(*_, **__):
    raise BegunError


def killed(command, folder, moment):
    """Whether a copy of this process that runs a command is killed before it does a number of things in a folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks with threads, which there are none of
        child = os.fork()
    if not child:
        left = moment

        def count(event, arguments):
            nonlocal left
            if event in EVENTS and str(arguments[0]).startswith(str(folder)):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        with contextlib.suppress(BaseException):
            main(command)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


SLOW = ("forecast", "limit", "compare")  # a campaign, and stores as the others


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in COMMANDS])
def test_killed_before_any_file_is_made_it_begins(name, tmp_path, toys, monkeypatch):
    load = nuinfer.load
    monkeypatch.setattr(nuinfer, "load", lambda given, *rest: toys.Toy() if given == "toy" else load(given, *rest))
    monkeypatch.setattr(nuinfer, "open_executor", lambda *_: contextlib.nullcontext(Inline()))
    monkeypatch.setattr(Store, "run", begin)
    monkeypatch.setattr(fits._Session, "sample", begin)
    folder, moment = tmp_path / "made", 0
    (tmp_path / "made.toml").write_text(CAMPAIGN)
    command = COMMANDS[name].replace("{}", str(folder)).split()
    with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.redirect_stdout(io.StringIO()):
        while killed(command, folder, moment := moment + 1):
            for again in (command, [*command, "--resume"]):
                try:
                    code = main(again)
                except BegunError:
                    break
                assert code == 2
                assert "--resume continues it" in said.getvalue()
            else:
                pytest.fail(said.getvalue())
            assert not list(folder.rglob("*.tmp"))
            shutil.rmtree(folder)
    assert moment > 5
