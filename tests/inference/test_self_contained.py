"""A run needs nothing but its folder: own files and data are kept in it; without a model there are still its chains."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import nuinfer
from nuinfer import datafiles
from nuinfer.cli import main
from nuinfer.errors import NuinferError, RunFolderError
from nuinfer.inference.work import files

SMALL = {
    "sampler.walkers": 24, "sampler.ensembles": 2, "sampler.max_steps": 12, "parameters.energy_scale.value": 1.0,
    "parameters.detector_scale.value": 1.0, "parameters.norm_prompt.value": 1.0, "parameters.norm_muon.value": 1.0,
}  # fmt: skip
CURVE = "m_zprime_mev,g_prime\n0.5,1e-3\n400,3e-2\n"
CODE = """import numpy as np
from nuinfer.constraints.base import Constraint, Measurement

def build(charges, mass_range_mev, **options):
    measured = Measurement("mine", "me", mean=-4.0, sigma=1.0)
    return Constraint("mine", "two_sided", measured, lambda mass, g: np.log10(g), -4.0, 0.95)
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with everything of its user's, and where that lies."""
    from concurrent.futures import ThreadPoolExecutor

    home = tmp_path_factory.mktemp("home")
    shutil.copytree(datafiles.data_root() / "hese3", home / "data", ignore=shutil.ignore_patterns("*.py"))
    (home / "curve.csv").write_text(CURVE)
    (home / "mine.py").write_text(CODE)
    own = {
        "data.dataset": str(home / "data"),
        "constraints.custom.mine.file": str(home / "mine.py"),
        "constraints.limit_curve.curve": {"table": str(home / "curve.csv"), "reference": "me", "confidence_level": 0.9},
    }
    analysis = nuinfer.load("hese7_icecube", SMALL | own)
    with ThreadPoolExecutor(1) as executor:
        return nuinfer.fit(analysis, home / "run", seed=3, executor=executor, progress=False)


@pytest.fixture
def moved(run, tmp_path):
    """The run somewhere else."""
    return shutil.copytree(run.folder, tmp_path / "elsewhere")


@pytest.fixture
def gone(run):
    """What its user had has gone, for a while."""
    home = run.folder.parent
    pairs = [(home / name, home / f"gone-{name}") for name in ("data", "curve.csv", "mine.py")]
    for there, away in pairs:
        there.rename(away)
    yield
    for there, away in pairs:
        away.rename(there)


def test_a_moved_run_opens_without_the_files_that_it_was_made_with(run, moved, gone):
    again, expected = nuinfer.open_run(moved), run.log_prob(0, 1)[:, -1]
    assert np.array_equal(again.analysis.log_prob(again.samples(0, 1)[:, -1]), expected)
    assert again.analysis.config.data.dataset.startswith(str(moved / "kept"))
    assert len(again.record["kept"]) == 3


def test_a_file_that_has_changed_is_taken_from_the_folder(run, moved):
    mine = run.folder.parent / "mine.py"
    mine.write_text(CODE.replace("-4.0, sigma", "-1.0, sigma"))
    try:
        again = nuinfer.open_run(moved)
        assert np.array_equal(again.analysis.log_prob(again.samples(0, 1)[:, -1]), run.log_prob(0, 1)[:, -1])
    finally:
        mine.write_text(CODE)


def test_kept_code_is_checked_and_needs_trust(moved, gone):
    (kept,) = (moved / "kept").glob("*-mine.py")
    kept.write_text(CODE + "# more\n")
    with pytest.raises(RunFolderError, match=r"mine\.py was changed after the chains were made"):
        _ = nuinfer.open_run(moved, trust=True).analysis
    kept.write_text(CODE)
    record = files.read_json(moved / "run.json")
    files.write_json(moved / "run.json", {**record, "signature": "of somebody else"})
    with pytest.raises(RunFolderError, match="then give --trust"):
        _ = nuinfer.open_run(moved).analysis
    assert nuinfer.open_run(moved, trust=True).analysis.constraints
    files.write_json(moved / "run.json", {**record, "kept": dict.fromkeys(record["kept"], "../mine.py")})
    with pytest.raises(NuinferError):
        _ = nuinfer.open_run(moved).analysis


def test_chains_open_where_a_newer_version_has_made_the_folder(moved, tmp_path, capsys, monkeypatch):
    """A key that this version does not know: figures of chains, tables and exports say what they can."""
    text = (moved / "config.resolved.toml").read_text().replace("[model]", "[model]\nnewer = 3\n")
    (moved / "config.resolved.toml").write_text(text)
    record = files.read_json(moved / "run.json")
    digest = hashlib.sha256(text.encode()).hexdigest()
    files.write_json(moved / "run.json", {**record, "resolved_sha256": digest, "signature": files.signature(digest)})
    out = str(tmp_path / "out")
    assert main(["plot", str(moved), "--kind", "corner", "--format", "png", "--out", out]) == 0
    assert main(["export", str(moved), "--format", "getdist", "--out", out]) == 0
    assert main(["export", str(moved), "--format", "netcdf", "--out", f"{out}/x.nc"]) == 0
    assert main(["limit", str(moved), "--mass", "10"]) == 2
    assert "model.newer: unknown key" in capsys.readouterr().err
    names = [line.split()[0] for line in (tmp_path / "out" / "elsewhere.paramnames").read_text().splitlines()]
    assert names == record["parameter_names"]
    from nuinfer.report import page

    monkeypatch.setattr(page, "draw_all", lambda _: [])
    assert main(["report", str(moved), "--out", f"{out}/page.html"]) == 0
    html = (tmp_path / "out" / "page.html").read_text()
    assert "The model of this run is not to be had here" in html
    summary = json.loads((moved / "summary.json").read_text())
    assert all(f"<code>{name}</code>" in html for name in summary["parameters"])


def test_the_input_of_cobaya_needs_nothing_but_the_folder(run, moved, gone, monkeypatch, tmp_path):
    """Its likelihood is that of the run, with the user's own files gone; code of somebody else needs trust."""
    import yaml

    from nuinfer import cobaya

    monkeypatch.setenv("XDG_STATE_HOME", os.environ.get("XDG_STATE_HOME", str(Path.home() / ".local" / "state")))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert main(["export", str(moved), "--format", "cobaya"]) == 0
    text = (moved / "cobaya.yaml").read_text()
    external = yaml.safe_load(text)["likelihood"]["nuinfer"]["external"]
    assert external.startswith("import_module('nuinfer.cobaya').likelihood('~/elsewhere/config.resolved.toml', [")
    assert str(tmp_path) not in text
    assert str(run.folder.parent) not in text
    monkeypatch.chdir("/")
    log_likelihood = cobaya.likelihood(*map(ast.literal_eval, ast.parse(external, mode="eval").body.args))
    likelihoods = run.log_prob(0, 1)[0, -1] - run.log_terms(0, 1)["prior"][0, -1]
    for point, expected in zip(run.samples(0, 1)[0, -1, :5], likelihoods[:5], strict=True):
        found, _ = log_likelihood(**dict(zip(run.record["parameter_names"], point, strict=True)))
        assert found == pytest.approx(expected, rel=1e-12)
    record = files.read_json(moved / "run.json")
    files.write_json(moved / "run.json", {**record, "signature": "of somebody else"})
    assert main(["export", str(moved), "--format", "cobaya"]) == 2
    assert main(["export", str(moved), "--format", "cobaya", "--trust"]) == 0
