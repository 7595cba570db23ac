"""A dip or a break? Spectra with and without absorption, docs/tutorials/sources.md (20 minutes on two cores)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nuinfer
from nuinfer.inference.evidence.evidence import verbal

PRESETS = {"hese7_icecube": "HESE 7.5 yr", "hese12_icecube": "HESE 12 yr", "mese11_icecube": "MESE 11.4 yr"}
SPECTRA = {"power_law": "power law", "log_parabola": "log-parabola", "broken_power_law": "broken power law"}
BREAK, AND_DIP = "broken power law", " and dip"
NULLS = (BREAK,)  # against which the dip is tested
SIMULATED, WORKERS = 100, 2


SEGMENTS = {
    "power law": ("power_law", "earth"),
    "log-parabola": ("log_parabola", "earth"),
    "broken power law": ("broken_power_law", "earth"),
    "broken power law, break at the source": ("broken_power_law", "source"),
}  # spectra of the fits without absorption to the segments of MESE


def hypotheses(preset: str) -> dict[str, nuinfer.Analysis]:
    """Each spectrum, at Earth, without and with absorption."""
    made = {}
    for spectrum, words in SPECTRA.items():
        for absorption, more in (("false", ""), ("true", AND_DIP)):
            shape = [f"model.spectrum={spectrum}", "model.spectrum_frame=earth"]
            made[words + more] = nuinfer.load(preset, [*shape, f"model.absorption={absorption}"])
    return made


def make(work: Path) -> dict[str, Any]:
    """The values; folders are gone on with."""
    values: dict[str, Any] = {"simulated": SIMULATED}
    for preset, title in PRESETS.items():
        analyses = hypotheses(preset)
        compared = nuinfer.compare(
            analyses, work / f"evidence-{preset}", resume=True, loo=False, pseudo_experiments=0, jobs=WORKERS
        )
        odds: dict[str, dict[str, Any]] = {}
        for name in analyses:
            one, (ln_b, error) = compared[name], compared.ln_bayes_factor(name, BREAK)
            odds[name] = {"ln_b": [ln_b, error], "words": "" if name == BREAK else verbal(ln_b, error)}
            odds[name] |= {"max_ln_l": one.max_log_likelihood, "best": dict(one.best_fit)}
        dips = {}
        for words in NULLS:
            found = nuinfer.significance(
                analyses[words + AND_DIP], SIMULATED, out=work / f"dip-{preset}-{words.replace(' ', '-')}", jobs=WORKERS
            )
            dips[words] = found.to_json()
        values[title] = {"odds": odds, "dips": dips}
    values["segments"] = {name: segments(*shape) for name, shape in SEGMENTS.items()}
    return values


def segments(spectrum: str, frame: str) -> dict[str, Any]:
    """The best fit of a spectrum without absorption to the segments of MESE 11.4 yr."""
    shape = ["model.absorption=false", f"model.spectrum={spectrum}", f"model.spectrum_frame={frame}"]
    analysis = nuinfer.load("mese11_icecube", shape)
    found = nuinfer.best_fit(analysis)
    density, expected = analysis.density, analysis.expected_counts(found.theta)
    chi2 = 2.0 * float(density.deviance(analysis.observed_counts, expected).sum())
    return dict(zip(analysis.parameter_names, found.theta.tolist(), strict=True)) | {"chi2": chi2}


def tables(values: dict[str, Any]) -> dict[str, str]:
    """Evidences of the spectra, and the likelihood ratio of a dip on top of each."""
    titles = PRESETS.values()
    odds = [f"| hypothesis | {' | '.join(f'{title}: ln B | 2 Δ ln L' for title in titles)} |"]
    odds += ["|---|" + "---|" * 2 * len(PRESETS)]
    for name in (words + more for words in SPECTRA.values() for more in ("", AND_DIP)):
        cells = []
        for title in titles:
            one, base = (values[title]["odds"][key] for key in (name, BREAK))
            (ln_b, error), gained = one["ln_b"], 2.0 * (one["max_ln_l"] - base["max_ln_l"])
            cells += [f"{ln_b:+.2f} ± {error:.2f}", f"{gained:+.2f}"]
        odds.append(f"| {name} | {' | '.join(cells)} |")
    head = ["data", "spectrum without the dip", "q", "m_Z' [MeV]", "g'", "local p", "global p"]
    dips = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for title in titles:
        for words, one in values[title]["dips"].items():
            at = f"{one['m_zprime_mev']:.2g} | {one['g_prime']:.1e}" if one["q"] > 0.0 else "- | -"
            low, high = one["global_interval"]
            dips.append(
                f"| {title} | {words} | {one['q']:.2f} | {at} | {one['local_p_value']:.2g} | "
                f"{one['global_p_value']:.2g} ({low:.2g} to {high:.2g}) |"
            )
    rows = ["| MESE 11.4 yr, 13 segments | phi per flavour | gamma | above the break, or beta | break | chi^2 |"]
    rows += ["|---|---|---|---|---|---|"]
    for name, one in values["segments"].items():
        second = next((f"{one[key]:.2f}" for key in ("gamma_high", "beta") if key in one), "")
        place = f"{10.0 ** one['log10_break_gev'] / 1e3:.1f} TeV" if "log10_break_gev" in one else ""
        phi = f"{one['phi_total'] / 3.0:.2f}"
        rows.append(f"| {name} | {phi} | {one['gamma']:.2f} | {second} | {place} | {one['chi2']:.1f} |")
    return {name: "\n".join(lines) for name, lines in {"odds": odds, "dips": dips, "segments": rows}.items()}
