"""What comes after a fit, figures and entries of the summary, does not decide whether the fit is done."""

from __future__ import annotations

import contextlib
import json
import re
from concurrent import futures

import numpy as np
import pytest
from matplotlib.figure import Figure

import nuinfer
from nuinfer import plotting
from nuinfer.cli import main
from nuinfer.errors import RunFolderError, warn_once
from nuinfer.export import arviz_adapter
from nuinfer.inference.runs.run import Run
from nuinfer.inference.work import files
from nuinfer.plotting import style
from nuinfer.plotting.figures.corner import plot_corner

FIGURES = {"corner.pdf", "corner.png", "counts.pdf", "counts.png"}


def broken(*_, **__):
    raise LookupError("no such\nthing")


def full(*_, **__):
    raise RunFolderError("figures/corner.pdf: cannot be written (No space left on device)")


@pytest.fixture
def fit(toys, tmp_path, monkeypatch, capsys):
    """The command for a toy, whose figures are empty: its exit code, and what it printed."""
    warn_once.cache_clear()
    toy = toys.Plateau(n_dim=1, sampler=toys.ToySampler(target_ess=100, max_steps=800))
    monkeypatch.setattr(nuinfer, "load", lambda *_: toy)
    monkeypatch.setattr(plotting, "plot", lambda *_, **__: Figure())
    with futures.ThreadPoolExecutor(2) as pool:
        monkeypatch.setattr(nuinfer, "open_executor", lambda *_: contextlib.nullcontext(pool))

        def command(*options):
            code = main(["fit", "toy", "--out", str(tmp_path / "run"), "--seed", "1", *options])
            said = "".join(capsys.readouterr())
            assert "Traceback" not in said
            return code, said

        yield command


def figures(tmp_path):
    return {path.name for path in (tmp_path / "run" / "figures").glob("*")}


def test_a_figure_that_fails_is_a_warning_and_drawn_by_resume(fit, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(plotting, "plot", lambda kind, *_, **__: broken() if kind == "corner" else Figure())
        code, said = fit()
    assert code == 0
    assert "nuinfer: warning: figure 'corner' failed: LookupError: no such thing\n" in said
    assert figures(tmp_path) == {"counts.pdf", "counts.png"}
    broken_file = tmp_path / "run" / "figures" / "counts.pdf"
    broken_file.write_bytes(broken_file.read_bytes()[:-100])
    before = (tmp_path / "run" / "figures" / "counts.png").stat().st_mtime_ns
    code, said = fit("--resume")
    assert code == 0
    assert figures(tmp_path) == FIGURES
    assert style.is_whole(broken_file)
    assert fit("--resume")[0] == 0
    assert "wrote" not in fit("--resume")[1]
    assert (tmp_path / "run" / "figures" / "counts.png").stat().st_mtime_ns > before


def test_plot_draws_the_others_and_does_not_call_it_done(fit, tmp_path, monkeypatch, toys, capsys):
    fit()
    monkeypatch.setattr(nuinfer, "open_run", lambda *_, **__: Run(tmp_path / "run", toys.Plateau(n_dim=1)))
    monkeypatch.setattr(plotting, "plot", lambda kind, *_, **__: broken() if kind == "trace" else Figure())
    assert main(["plot", str(tmp_path / "run"), "--format", "svg"]) == 1
    said = capsys.readouterr()
    assert "nuinfer: warning: figure 'trace' failed: LookupError: no such thing\n" in said.err
    assert {"corner.svg", "rank.svg"} <= figures(tmp_path)
    assert "trace.svg" not in figures(tmp_path)


def test_a_figure_that_has_no_room_is_one_line_and_the_fit_is_done(fit, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(plotting, "plot", full)
        code, said = fit()
    assert code == 2
    assert said.endswith("error: figures/corner.pdf: cannot be written (No space left on device)\n")
    assert json.loads((tmp_path / "run" / "run.json").read_text())["complete"]
    assert fit("--resume")[0] == 0
    assert figures(tmp_path) == FIGURES


@pytest.mark.parametrize(
    ("where", "name", "said"),
    [
        (Run, "predictive_checks", "predictive checks failed: LookupError: no such thing"),
        (Run, "starts", "profile limits failed: LookupError: no such thing"),
        (Run, "contents", "posterior.nc failed: LookupError: no such thing"),
    ],
)
def test_an_entry_that_fails_is_a_warning_and_the_others_are_there(where, name, said, fit, tmp_path, monkeypatch):
    monkeypatch.setattr(where, name, broken)
    code, printed = fit()
    assert code == 0
    assert f"warning: {said}\n" in printed
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert [each for each in summary["warnings"] if " failed: " in each] == [said]
    assert ("profile" in summary["parameters"]["x0"]["limit95"]) == (name != "starts")
    assert (tmp_path / "run" / "posterior.nc").exists() == (name != "contents")
    assert json.loads((tmp_path / "run" / "status.json").read_text())["state"] == "done"


def test_a_posterior_that_has_no_room_is_one_line_and_written_by_resume(fit, tmp_path, monkeypatch):
    """HDF5 ends the process at a full disk (tried on one of 1 MB), so the file is made in memory."""
    write = files.write_atomic

    def refused(path, content, **how):
        if path.name == "posterior.nc":
            with files.refusing(path, "written"):
                raise OSError(28, "No space left on device")
        write(path, content, **how)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_atomic", refused)
        code, said = fit()
    assert code == 2
    assert said.endswith("posterior.nc: cannot be written (No space left on device)\n")
    assert fit("--resume")[0] == 0
    assert (tmp_path / "run" / "posterior.nc").read_bytes()[1:4] == b"HDF"


def test_the_container_is_what_arviz_itself_writes(toys, tmp_path, pool):
    """Groups, axes, coordinates and values of our file are those of ArviZ's; it adds when and with what it wrote."""
    import arviz
    import xarray

    run = nuinfer.fit(toys.Toy(), tmp_path / "run", max_steps=400, executor=pool, progress=False)
    run.to_arviz(50).to_netcdf(str(tmp_path / "theirs.nc"), engine="h5netcdf")
    (tmp_path / "ours.nc").write_bytes(arviz_adapter.netcdf(run.contents(50)))
    with xarray.open_datatree(tmp_path / "ours.nc") as ours, xarray.open_datatree(tmp_path / "theirs.nc") as theirs:
        assert ours.equals(theirs)
        assert ours.attrs == {"config_hash": run.analysis.config_hash, "created_by": "nuinfer"}
        assert ours.attrs.items() <= theirs.attrs.items()
    read = arviz.from_netcdf(str(tmp_path / "ours.nc"))
    assert {"posterior", "prior", "log_likelihood", "observed_data"} <= set(read.groups())


def test_how_much_is_told(fit):
    """-q: results alone; -v: each criterion that is missing, as in the log; otherwise the one that decides."""
    _, said = fit("--target-ess", "10")
    progress = [line for line in said.splitlines() if line.startswith(("step ", "until ", "profile limits"))]
    assert len(progress) > 2
    assert max(map(len, progress)) <= 60
    assert "a target of 10 effective samples makes the fit no shorter: chains that are long enough have" in said
    _, quiet = fit("--target-ess", "10", "--force", "-q")
    assert "x0" in quiet
    assert said.startswith(quiet)
    assert said[len(quiet) :].startswith("wrote ")
    _, loud = fit("--target-ess", "100000", "--force", "-v")
    assert re.search(r"step 400: .*; ESS decides\n  x0: effective sample size \d+ of 100000\n", loud)


def test_a_single_ensemble_has_no_r_hat_and_says_so(fit, tmp_path):
    code, said = fit("--ensembles", "1", "--target-ess", "50")
    assert code in (0, 3)
    assert "no R-hat" in said
    assert "warning: a single ensemble: R-hat between ensembles is not defined" in said
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["rhat_max"] is None
    assert main(["status", str(tmp_path / "run")]) == 0


def test_corner_of_a_fixed_dip_lacks_it(tmp_path):
    """With both masses fixed the energy of the dip is one number; asked for, it is drawn. Warnings are errors here."""
    fixed = ["parameters.log10_m_zprime_mev.value=1", "parameters.lightest_nu_mass_ev.value=0.05"]
    analysis = nuinfer.load("hese7_icecube", fixed)
    samples = analysis.sample_prior(1000, np.random.default_rng(1))
    figure = plot_corner(analysis, samples)
    assert len(figure.axes) == len(analysis.parameter_names) ** 2
    asked = plot_corner(analysis, samples, parameters=("gamma", "log10_e_res_gev"))
    style.save(asked, tmp_path / "corner.png")
    low, high = asked.axes[-1].get_xlim()
    assert low < analysis.derived(samples)["log10_e_res_gev"][0] < high
