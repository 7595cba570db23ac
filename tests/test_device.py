"""The posterior on a GPU: simulated by numba, as threads that are watched, compiled, and on a card if one is here.

This file is run too: ``NUMBA_ENABLE_CUDASIM=1 NUMBA_DISABLE_JIT=1 python test_device.py OUT`` writes what a simulated
GPU gives; numba reads these when it is imported.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import nuinfer
from nuinfer.cli import build_parser, main
from nuinfer.detector.response import Expected
from nuinfer.errors import ConfigError
from nuinfer.inference.studies.campaign import jobs_of, parse_campaign

ON_GPU = "sampler.device=cuda"
INSTALLED = importlib.util.find_spec("numba_cuda") is not None
STERILE = ("model.sterile=true", "model.sterile_density=2", "model.sterile_coupling=[0, 0.5, 1]")
CASES = {  # analysis, changed keys, lanes of a team, and what else is special
    "hese7": ("hese7", (), 32, ""),
    "few lanes, little memory": ("hese7", ("model.regeneration=false",), 3, "little"),
    "workspace on the card": ("paper", ("model.regeneration=true",), 8, "spare"),
    "two channels": ("hese7_icecube", ("model.source=pgamma", "model.spectrum=broken_power_law"), 8, ""),
    "coherent, split": ("hese7_icecube", ("model.coherence=coherent", "model.regeneration=false"), 8, ""),
    "nothing absorbs": ("hese7_icecube", ("model.absorption=false",), 8, ""),
    "one redshift": ("hese7_icecube", ("model.evolution=single", "model.source_redshift=1.0", *STERILE), 8, ""),
    "every node by itself": ("hese7_icecube", ("model.absorption=false", "model.spectrum=cutoff"), 8, ""),
}


def numbers(case, device="cpu"):
    """Log-probabilities and counts at a few points, of two data sets."""
    preset, overrides, _, special = CASES[case]
    analysis = nuinfer.load(preset, overrides)
    theta = analysis.sample_prior(2, np.random.default_rng(12))
    data = analysis.data_sets([(analysis.observed_counts, {}), (analysis.observed_counts + 1.0, {})])
    analysis = analysis.with_overrides([f"sampler.device={device}"])
    log_prob, terms, counts = analysis.evaluate(theta, data, np.array([0, 1]))
    found = {"log_prob": log_prob, "terms": terms, "counts": counts}
    return found | ({"expected": analysis.expected_counts(theta)} if special == "little" else {})


def run(file, *arguments, **environment):
    """Output of a file of this folder."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name(file)), *arguments],
        env=os.environ | environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    out = tmp_path_factory.mktemp("simulated") / "numbers.npz"
    run("test_device.py", str(out), NUMBA_ENABLE_CUDASIM="1", NUMBA_DISABLE_JIT="1")
    with np.load(out) as file:
        return dict(file)


@pytest.mark.parametrize("case", list(CASES))
def test_a_simulated_gpu_gives_what_a_cpu_gives(simulated, case):
    for key, values in numbers(case).items():
        np.testing.assert_allclose(simulated[f"{case}-{key}"], values, rtol=1e-12, atol=0.0, err_msg=key)


WATCHED = [("hese7", []), ("paper", []), ("hese7_icecube", ["model.source=pgamma", "model.spectrum=broken_power_law"])]


def test_no_two_lanes_touch_a_number_between_two_barriers():
    """The negative control leaves out a barrier, one of those behind which a lane reads what another one wrote."""
    cases = [*WATCHED, ("hese7", [], 4)]
    *found, control = json.loads(run("lanes.py", json.dumps(cases), NUMBA_DISABLE_JIT="1"))
    assert found == ["none"] * len(WATCHED)
    assert control != "none"


@pytest.mark.slow
@pytest.mark.skipif(not INSTALLED, reason="numba-cuda is not installed: pip install 'nuinfer[gpu]'")
@pytest.mark.parametrize("capability", [(8, 0), (9, 0)])
@pytest.mark.parametrize("spectrum", ["power_law", "broken_power_law", "cutoff"])
def test_compiles_for_cards_that_are_not_here(monkeypatch, capability, spectrum):
    import numba
    from numba import cuda, types
    from numba.cuda import dispatcher

    from nuinfer import device

    monkeypatch.setattr(dispatcher, "get_current_device", lambda: SimpleNamespace(compute_capability=capability))
    analysis = nuinfer.load("hese7", [f"model.spectrum={spectrum}"])
    model, values = analysis.model, analysis.values(analysis.sample_prior(2, np.random.default_rng(12)))
    batch = model.points(values), model._passing(values), (np.zeros((1, 3, 15)), np.zeros((1, 3, 15)), np.zeros(2, int))
    fixed = model.transport.path, model._bins, model._response
    expected = Expected(np.empty((2, 4, 3, 15)), np.empty((2, 3, 15)))
    out = np.empty((2, 1, 3, 20)), expected, np.empty(2)

    def writable(tree):
        """Types of arrays on a card."""
        if isinstance(tree, tuple):
            made = [writable(leaf) for leaf in tree]
            return type(tree)(*made) if hasattr(tree, "_fields") else tuple(made)
        return np.array(tree) if isinstance(tree, np.ndarray) else tree

    def leaves(tree):
        return [leaf for branch in tree for leaf in leaves(branch)] if isinstance(tree, tuple) else [tree]

    work = writable((batch, fixed, 100, *out))
    assert {type(leaf) for leaf in leaves(work)} <= {np.ndarray, float, int}  # what a kernel takes; it takes no None
    for kernel, arguments in ((device._in_shared, (work,)), (device._in_spare, (work, np.empty((2, 3))))):
        ptx, _ = cuda.compile_ptx(kernel, types.void(*map(numba.typeof, arguments)), cc=capability)
        assert f".target sm_{capability[0]}{capability[1]}" in ptx
        assert "bar.sync" in ptx


def _card():
    if not INSTALLED:
        return "numba-cuda is not installed: pip install 'nuinfer[gpu]'"
    from nuinfer import device

    try:
        device.check()
    except ConfigError as error:
        return str(error)
    return ""


@pytest.mark.gpu
@pytest.mark.parametrize("case", list(CASES))
def test_a_card_gives_what_a_cpu_gives(case):
    if reason := _card():
        pytest.skip(reason)
    preset, overrides, *_ = CASES[case]
    analysis = nuinfer.load(preset, overrides)
    theta = analysis.sample_prior(3000, np.random.default_rng(12))
    log_prob, _, counts = analysis.evaluate(theta)
    on_card = analysis.with_overrides([ON_GPU]).evaluate(theta)
    np.testing.assert_allclose(on_card[0], log_prob, rtol=1e-10)
    np.testing.assert_allclose(on_card[2], counts, rtol=1e-10)


# Where it is chosen ---------------------------------------------------------------------------------------------------


def test_the_option_is_the_key(capsys):
    arguments = build_parser().parse_args(["calibrate", "hese7", "--set", "model.source=pgamma", "--device", "cuda"])
    assert arguments.set == ["model.source=pgamma", ON_GPU]
    assert main(["fit", "hese7", "--device", "gpu", "--test"]) == 2
    assert "sampler.device" in capsys.readouterr().err


@pytest.mark.skipif(INSTALLED, reason="numba-cuda is installed")
def test_without_numba_cuda_one_line_says_what_to_install():
    analysis = nuinfer.load("hese7", [ON_GPU])  # where it is made there need not be a GPU, where it is evaluated
    with pytest.raises(ConfigError, match=r"sampler.device 'cuda': numba_cuda is not installed; .*nuinfer\[gpu\]"):
        analysis.log_prob(analysis.sample_prior(1, np.random.default_rng(1)))


@pytest.mark.skipif(not INSTALLED or not _card(), reason="numba-cuda is not installed, or a GPU is here")
def test_without_a_gpu_one_line_says_so():
    analysis = nuinfer.load("hese7", [ON_GPU])
    with pytest.raises(ConfigError, match=r"sampler\.device 'cuda': no NVIDIA GPU"):
        analysis.log_prob(analysis.sample_prior(1, np.random.default_rng(1)))


def test_moving_targets_stay_on_the_cpu():
    with pytest.raises(ConfigError, match=r"sampler\.device: 'cuda' is not allowed with model.targets 'thermal'"):
        nuinfer.load("hese7", [ON_GPU, "model.targets=thermal"])


def test_the_device_is_no_part_of_what_is_computed():
    assert nuinfer.load("hese7", [ON_GPU]).config_hash == nuinfer.load("hese7").config_hash
    text = '[jobs.a]\ntask = "posterior"\nanalysis = "hese7"\n'
    keys = [
        next(jobs_of(parse_campaign(text + more))).key for more in ("", '[jobs.a.set]\n"sampler.device" = "cuda"\n')
    ]
    assert keys[0] == keys[1]


def test_a_run_is_opened_on_the_cpu_wherever_it_was_made(tmp_path):
    shutil.copytree(Path(__file__).parent / "reference" / "folders-0.1.0" / "fit", tmp_path / "run")
    resolved = tmp_path / "run" / "config.resolved.toml"
    resolved.write_text(resolved.read_text().replace("[sampler]", '[sampler]\ndevice = "cuda"'))
    assert nuinfer.load(resolved).sampler.device == "cuda"
    assert nuinfer.open_run(tmp_path / "run").described.sampler.device == "cpu"


if __name__ == "__main__":
    from nuinfer import device

    every, shared = {}, device.SHARED_BYTES
    context = type(device.cuda.current_context())
    whole = context.get_memory_info
    for case, (*_, lanes, special) in CASES.items():
        device.LANES, device.SHARED_BYTES = lanes, 0 if special == "spare" else shared
        context.get_memory_info = (lambda _: SimpleNamespace(free=1)) if special == "little" else whole
        every |= {f"{case}-{key}": values for key, values in numbers(case, "cuda").items()}
    np.savez(sys.argv[1], **every)
