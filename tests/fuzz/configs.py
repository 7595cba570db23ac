"""Configurations: overrides, TOML texts, points, campaigns, and the options of commands that read them."""

from __future__ import annotations

import functools
import json
import os
import random
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import harness
import numpy as np
import values

import nuinfer
from nuinfer import config
from nuinfer.cli import commands

PRESETS = config.presets()
CAMPAIGN = """seed = 3
[jobs.one]
task = "best_fit"
analysis = "hese7"
data = "simulated"
n = 2
truth = "hese7"
at = { gamma = 2.5 }
set = { model.source = "pgamma" }
vary = { model.evolution = ["sfr", "flat"] }
"""
EXTRA = (
    "", ".", "model", "model.", "model..source", "parameters", "parameters.gamma", "constraints",
    "constraints.custom", "constraints.custom.mine.file", "constraints.custom.mine",
    "constraints.limit_curve.mine.table", "data", "sampler", "constraints.limit_curve.mine.reference",
    "parameters.gamma.prior", "parameters.gamma.mean", "parameters.gamma.sigma", "parameters.gamma.value",
    "parameters.norm_muon.sigma", "parameters.gamma.low.x", "model.source.x", "model.couplings", "model.sterile",
    "model.sterile_density", "model.sterile_coupling", "data.likelihood", "data.topologies", "no.such.key",
    "parameters.f_e.value", "parameters.f_mu.prior", "parameters.log10_g_prime.value", "x" * 5000, "é",
    "model.\u0000",
)  # fmt: skip
GOOD: Mapping[str, tuple[str, ...]] = {
    "model.source": ("pp", "pgamma", "free", "muon_damped"),
    "model.masses": ("degenerate", "split"),
    "model.coherence": ("coherent", "decoherent"),
    "model.targets": ("thermal", "at_rest"),
    "model.absorption": ("true", "false"),
    "model.regeneration": ("true", "false"),
    "model.mixing": ("paper", "nufit6.0"),
    "model.cosmology": ("paper", "planck18"),
    "model.evolution": ("sfr", "flat", "single"),
    "model.spectrum": ("power_law", "broken_power_law", "cutoff"),
    "data.dataset": ("hese3", "hese4", "hese7", "hese12", "mese11"),
    "constraints.neff.form": ("off", "exclusion", "one_sided", "two_sided"),
}


@functools.cache
def _keys() -> tuple[str, ...]:
    """Dotted keys of resolved configurations."""

    def found(table: Mapping[str, Any], prefix: str) -> Iterator[str]:
        for key, value in table.items():
            yield f"{prefix}{key}"
            if isinstance(value, Mapping):
                yield from found(value, f"{prefix}{key}.")

    trees = [config.parse(config.read_text(name)).model_dump(mode="json") for name in PRESETS]
    return tuple(dict.fromkeys(key for tree in trees for key in found(tree, "")))


def prepare(_: Path) -> None:
    """All that is compiled at its first use is compiled."""
    for name, *overrides in (("hese7",), ("mese11",), ("hese12_nutau_scalar",), ("hese7", "model.targets=thermal")):
        nuinfer.load(name, overrides).expected_at()


def attempt(_: None, rng: random.Random, folder: Path) -> harness.Attempt:
    """One command with one thing wrong, or several."""
    (folder / "folder").mkdir()
    (folder / "folder.py").mkdir()
    (folder / "foreign.txt").write_text("mine")
    os.mkfifo(folder / "pipe")
    argv = rng.choice((_overridden, _overridden, _written, _written, _pointed, _planned, _optioned))(rng, folder)
    before = harness.inventory(folder)
    outcome = harness.called(*argv)
    faults = harness.faults_of(outcome, codes=(0, 2, 3), is_json="--json" in argv)
    if not faults and outcome.code == harness.OK and argv[0] == "predict" and "--json" in argv:
        faults += _counts(json.loads(outcome.out))
    if not faults and outcome.code == harness.OK and argv[0] in ("predict", "fit", "constraints"):
        faults += _points(argv[1], [text for flag, text in pairwise(argv) if flag == "--set"], rng)
    if harness.inventory(folder) != before:
        faults.append("files were touched")
    return harness.Attempt(" ".join(map(_short, argv)), harness.ended(outcome), faults)


def _short(text: str) -> str:
    return text if len(text) < 80 else f"{text[:60]}...({len(text)})"


def _counts(answer: dict[str, Any]) -> list[str]:
    """What is wrong with predicted counts."""
    every = [number for part in ("astro", "background") for row in answer[part].values() for number in row]
    return [] if all(0.0 <= number < np.inf for number in every) else ["counts that make no sense"]


def _points(source: str, overrides: list[str], rng: random.Random) -> list[str]:
    """What loads has a log-probability everywhere in its prior."""
    with harness.limited():

        def evaluated() -> int:
            analysis = nuinfer.load(source, overrides)
            points = analysis.sample_prior(100, np.random.default_rng(rng.randrange(2**32)))
            return harness.BUG if np.isnan(analysis.log_prob(points)).any() else harness.OK

        return harness.faults_of(harness.trapped(evaluated), codes=(harness.OK,))


def _ask(rng: random.Random, source: str) -> list[str]:
    asked = ["predict", source, "--json"], ["fit", source, "--test"], ["config", source, "--resolved"]
    return list(rng.choice((*asked, asked[0], ["constraints", source, "--json", "--points", "4"])))


def _override(rng: random.Random, folder: Path) -> str:
    if rng.random() < 0.4:
        key = rng.choice(list(GOOD))
        return f"{key}={rng.choice(GOOD[key])}"
    key = rng.choice(_keys()) if rng.random() < 0.8 else rng.choice(EXTRA)
    if rng.random() < 0.05:
        return values.bent(rng, key)
    value = rng.choice(values.NASTY).replace("FOLDER", str(folder))
    if rng.random() < 0.4:
        value = repr(rng.choice((1, -1)) * 10.0 ** rng.uniform(-12, 12))
    return f"{key}={value}"


def _overridden(rng: random.Random, folder: Path) -> list[str]:
    argv = _ask(rng, rng.choice(PRESETS))
    for _ in range(rng.choice((1, 1, 2, 3))):
        argv += ["--set", _override(rng, folder)]
    return argv


def _written(rng: random.Random, folder: Path) -> list[str]:
    """A file made of a preset."""
    text = config.read_text(rng.choice(PRESETS))
    match rng.randrange(8):
        case 0:
            text = "\n".join(f"{rng.choice(('a', 'model', 'x.y'))}.k{k} = 1" for k in range(rng.choice((10, 20_000))))
        case 1:
            text += f"\n{'.'.join('a' * rng.choice((10, 20_000)))} = 1\n"
        case 2:
            text = f"[{'.'.join('a' * rng.choice((10, 20_000)))}]\n" + text
        case 3:
            text = "\n".join(_override(rng, folder) for _ in range(rng.randint(1, 4)))
        case 4:
            rows = text.splitlines()
            lines = [number for number, line in enumerate(rows) if " = " in line]
            for number in rng.sample(lines, min(len(lines), rng.randint(1, 3))):
                key = rows[number].split(" = ")[0]
                rows[number] = f"{key} = {rng.choice(values.NASTY).replace('FOLDER', str(folder))}"
            text = "\n".join(rows)
        case _:
            text = values.bent(rng, text)
    content = text.encode(errors="replace")
    if rng.random() < 0.1:
        content = rng.choice(
            (b"\xef\xbb\xbf" + content, text.encode("utf-16", "replace"), values.flipped(rng, content))
        )
    (folder / "mine.toml").write_bytes(content)
    return _ask(rng, rng.choice(("mine.toml", f"{folder}/mine.toml", "./mine.toml")))


def _pointed(rng: random.Random, folder: Path) -> list[str]:
    """Points."""
    analysis = rng.choice(PRESETS)
    names = [key.split(".")[1] for key in _keys() if key.startswith("parameters.") and key.count(".") == 1]
    argv = ["predict", analysis, "--json"]
    for _ in range(rng.randint(1, 3)):
        name = rng.choice((*names, "g_prime", "m_zprime_mev", "", "x" * 5000))
        value = (
            rng.choice(values.NASTY) if rng.random() < 0.5 else repr(rng.uniform(-1, 1) * 10.0 ** rng.uniform(-9, 9))
        )
        argv += ["--at", f"{name}={value}"]
    return argv


def _planned(rng: random.Random, folder: Path) -> list[str]:
    """Campaigns."""
    text = CAMPAIGN
    if rng.random() < 0.5:
        rows = text.splitlines()
        number = rng.randrange(len(rows))
        key = rows[number].split(" = ")[0]
        rows[number] = f"{key} = {rng.choice(values.NASTY).replace('FOLDER', str(folder))}"
        text = "\n".join(rows)
    else:
        text = values.bent(rng, text)
    (folder / "jobs.toml").write_bytes(text.encode(errors="replace"))
    return ["campaign", "jobs.toml", "--dry-run"]


def _optioned(rng: random.Random, folder: Path) -> list[str]:
    """Options of commands that end at once."""
    bad = rng.choice(values.NASTY).replace("FOLDER", str(folder))
    preset = rng.choice(("hese7_icecube", "hese7"))
    return list(rng.choice((
        ["constraints", preset, "--json", "--level", bad],
        ["constraints", preset, "--json", "--masses", bad, "30"],
        ["constraints", preset, "--points", bad],
        ["predict", preset, "--draw", bad],
        ["predict", preset, "--seed", bad, "--draw", "1"],
        ["predict", bad],
        ["fit", bad, "--test"],
        ["campaign", bad, "--dry-run"],
        ["limit", preset, "--mass", "-1", "--level", bad],
        ["limit", preset, "--mass", bad, "--level", "nan"],
        ["status", bad],
        ["plot", bad],
        ["plot", "--kind", bad, "folder"],
        ["report", bad],
        ["export", bad, "--format", "getdist"],
        ["compare", preset, "--vary", f"model.source={bad}", "--live", "-1"],
        ["compare", bad, "--live", "4", "--vary", bad],
        [rng.choice(list(commands())), bad, "--nonsense"],
        [bad],
    )))  # fmt: skip


FUZZER = harness.Fuzzer("configs", prepare, attempt)
