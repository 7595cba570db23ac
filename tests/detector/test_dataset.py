"""The data-set format: the shipped HESE 7.5-year sample, a user's own folder, and folders that must not load."""

from __future__ import annotations

import io
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicSpline, PchipInterpolator
from scipy.optimize import minimize
from scipy.special import xlogy

import nuinfer
from nuinfer.datafiles import MANIFEST, DataFolder, data_root, parse_csv, seal
from nuinfer.detector.dataset import BACKGROUNDS, SPECIES, DataSet, load_dataset
from nuinfer.errors import ConfigError, DataIntegrityError

SOURCE = ("made up for a test", "facts re-tabulated; upstream licence: none")
FILES = ("dataset.toml", "events.csv", "response.npz", "backgrounds.csv")


@pytest.fixture(scope="module")
def hese() -> DataSet:
    return load_dataset("hese7")


def seal_all(folder: Path) -> None:
    seal(folder, {name: SOURCE for name in FILES if (folder / name).exists()})


def make_own(folder: Path) -> Path:
    """A user's data set: two topologies, three deposited bins, the threshold inside the first."""
    folder.mkdir(exist_ok=True)
    metadata = {
        "name": "mine",
        "title": "My telescope",
        "livetime_s": 1e7,
        "topologies": ["shower", "track"],
        "threshold_gev": 2e4,
        "threshold_fraction": {"shower": 0.5, "track": 0.25},
        "overlaps": [],
        "approximations": ["toy"],
        "references": ["nobody"],
    }
    (folder / "dataset.toml").write_text(tomli_w.dumps(metadata))
    (folder / "events.csv").write_text(
        "deposited_energy_gev,topology,in_analysis\n15000,shower,0\n30000,shower,1\n5e5,track,1\n1e7,track,1\n25000,track,0\n"
    )
    (folder / "backgrounds.csv").write_text(
        "topology,e_lo_gev,e_hi_gev,conventional,prompt,muon\n"
        "track,2e4,1e5,4,0,1\ntrack,1e5,1e6,5,0,0\ntrack,1e6,1e7,6,0,0\n"
        "shower,2e4,1e5,1,0,2\nshower,1e5,1e6,2,0,0\nshower,1e6,1e7,3,0,0\n"
    )
    area = np.arange(3 * 2 * 2 * 3, dtype=float).reshape(3, 2, 2, 3)
    write_response(folder, area_m2=area)
    seal_all(folder)
    return folder


def write_response(folder: Path, **changed: Any) -> None:
    arrays = {
        "area_m2": np.ones((3, 2, 2, 3)),
        "true_edges_gev": np.array([1e4, 1e6, 1e8]),
        "deposited_edges_gev": np.array([1e4, 1e5, 1e6, 1e7]),
        "channels": np.array(["nue_cc", "nuebar_cc", "nuebar_glashow"]),
        "topologies": np.array(["shower", "track"]),
    } | changed
    np.savez(folder / "response.npz", **{key: value for key, value in arrays.items() if value is not None})


# The shipped sample against what is published


def test_sample_is_the_published_one(hese: DataSet) -> None:
    """Phys. Rev. D 104 (2021) 022002: 41 cascades, 2 double cascades and 17 tracks above 60 TeV in 2635.5 days."""
    assert hese.topologies == ("cascade", "track", "double_cascade")
    assert hese.observed.sum(axis=1).tolist() == [41.0, 17.0, 2.0]
    assert hese.livetime_s / 86400.0 == pytest.approx(2635.5112, abs=1e-4)
    assert hese.bin_edges_gev[0] == 60000.0
    np.testing.assert_allclose(hese.bin_edges_gev[1:], 10.0 ** np.linspace(4.9, 7.0, 15), rtol=1e-9)
    events = DataFolder.open(data_root() / "hese7").read_csv("events.csv")
    assert len(events["row"]) == 102
    energy = events["deposited_energy_gev"]
    np.testing.assert_array_equal(events["in_analysis"] == 1.0, (energy >= 6e4) & (energy <= 1e7))
    np.testing.assert_array_equal(events["topology"], events["morphology"])


def test_backgrounds_add_up_to_the_published_histogram(hese: DataSet) -> None:
    """Sums of the published best-fit histogram above 60 TeV (with the tail of ratio 0.47), over the best-fit norms."""
    conventional = np.array([2.990, 2.336, 1.650, 1.052, 0.557, 0.314, 0.147])
    published = (conventional.sum() + conventional[-1] * 0.47 / 0.53) / 1.00621679
    assert hese.backgrounds["conventional"].sum() == pytest.approx(published, rel=1e-4)
    assert hese.backgrounds["muon"].sum() == pytest.approx((0.379 + 0.311 + 0.107) / 1.18706341, rel=1e-4)
    for component, share, double in (("conventional", 0.71, 0.01), ("muon", 0.9, 0.0)):
        cascade, track, double_cascade = hese.backgrounds[component]
        np.testing.assert_allclose(track * (1.0 - share), (cascade + double_cascade) * share, rtol=1e-7)
        np.testing.assert_allclose(double_cascade, double * (cascade + double_cascade), rtol=1e-7)
        assert np.all(np.diff(hese.backgrounds[component].sum(axis=0))[3:] <= 0.0)


def test_prompt_is_the_published_flux_through_the_response(hese: DataSet) -> None:
    """BERSS H3a per species at 10^4, 10^5 ... 10^8 GeV (test values of nuflux), splined: 10 % per bin, 5 % in all."""
    flux = [4.816691e-17, 8.884153e-20, 5.974248e-23, 4.213448e-26, 2.116502e-29]
    spline = CubicSpline(np.arange(4.0, 9.0), np.log(flux))
    nodes, weights = np.polynomial.legendre.leggauss(5)
    low, high = np.log(hese.true_edges_gev[:-1, np.newaxis]), np.log(hese.true_edges_gev[1:, np.newaxis])
    energy = np.exp(0.5 * (high + low) + 0.5 * (high - low) * nodes)
    integral = 0.5 * (high - low)[:, 0] * (weights * energy * np.exp(spline(np.log10(energy)))).sum(axis=1)
    charged = [SPECIES.index(name) for name in ("nu_e", "nu_mu", "nubar_e", "nubar_mu")]
    counts = hese.livetime_s * 4e4 * np.pi * np.einsum("sktd,k->td", hese.area_m2[charged], integral)
    cascade, track, double = hese.backgrounds["prompt"]
    np.testing.assert_allclose([cascade + double, track], [counts[0] + counts[2], counts[1]], rtol=0.1)
    np.testing.assert_allclose(double, 0.01 * (cascade + double), rtol=1e-7)
    assert hese.backgrounds["prompt"].sum() == pytest.approx(counts.sum(), rel=0.05)


def power_law_counts(hese: DataSet, phi_total: float, gamma: float) -> Any:
    edges = hese.true_edges_gev / 1e5
    integral = 1e5 * np.diff(edges ** (1.0 - gamma)) / (1.0 - gamma)
    per_species = phi_total / 6.0 * 1e-18 * integral
    return hese.livetime_s * 4e4 * np.pi * np.einsum("sktd,k->td", hese.area_m2, per_species)


def test_published_astrophysical_counts(hese: DataSet) -> None:
    """The best-fit histogram from 60 to 359 TeV holds 42.543 events; the nominal optical modules see 3 to 6 % more."""
    counts = power_law_counts(hese, 6.36488608, 2.87375956).sum(axis=0)
    below = PchipInterpolator(np.log(hese.bin_edges_gev), np.concatenate([[0.0], np.cumsum(counts)]))
    assert 1.03 < below(np.log(359046.96)) / 42.543 < 1.06


def test_published_power_law_is_recovered(hese: DataSet) -> None:
    """arXiv:2011.03545: gamma 2.874, phi_total 6.365 at the best fit (equal flavours at Earth)."""
    background = hese.backgrounds

    def minus_log_likelihood(point: Any) -> float:
        phi_total, gamma, conventional, muon, scale = point
        astro = power_law_counts(hese, phi_total, gamma)
        mean = scale * (astro + conventional * background["conventional"]) + muon * background["muon"]
        priors = ((conventional - 1.0) / 0.4) ** 2 + ((muon - 1.0) / 0.5) ** 2 + ((scale - 1.0) / 0.1) ** 2
        return float((mean - xlogy(hese.observed, mean)).sum() + 0.5 * priors)

    bounds = [(1.0, 20.0), (1.5, 4.0), (0.0, 3.0), (0.0, 3.0), (0.5, 1.5)]
    best = minimize(minus_log_likelihood, [6.0, 2.5, 1.0, 1.0, 1.0], bounds=bounds, method="L-BFGS-B")
    assert best.success
    assert best.x[1] == pytest.approx(2.874, abs=0.06)
    assert best.x[0] == pytest.approx(6.365, rel=0.05)


# The loader


def test_channels_are_summed_per_species(hese: DataSet) -> None:
    """Against a loop over the file: nue and nuebar do not mix, the first column is cut, empty true bins are dropped."""
    arrays = DataFolder.open(data_root() / "hese7").read_arrays("response.npz")
    fraction = tomllib.loads((data_root() / "hese7" / "dataset.toml").read_text())["threshold_fraction"]
    names = {"nu_e": "nue", "nu_mu": "numu", "nu_tau": "nutau"} | {
        f"nubar_{f}": f"nu{f}bar" for f in ("e", "mu", "tau")
    }
    dropped = len(arrays["true_edges_gev"]) - len(hese.true_edges_gev)
    for s, species in enumerate(SPECIES):
        for t, topology in enumerate(hese.topologies):
            area = sum(
                arrays["area_m2"][c, :, t, 5:]
                for c, channel in enumerate(arrays["channels"])
                if channel in {f"{names[species]}_{kind}" for kind in ("cc", "nc", "glashow")}
            )
            assert not area[:dropped].any()
            np.testing.assert_allclose(hese.area_m2[s, :, t, 1:], area[dropped:, 1:], rtol=1e-14)
            np.testing.assert_allclose(hese.area_m2[s, :, t, 0], area[dropped:, 0] * fraction[topology], rtol=1e-14)
            below = sum(
                arrays["area_m2"][c, dropped:, t, 4:6]
                for c, channel in enumerate(arrays["channels"])
                if channel in {f"{names[species]}_{kind}" for kind in ("cc", "nc", "glashow")}
            )
            below[:, 1] *= 1.0 - fraction[topology]
            np.testing.assert_allclose(hese.below_area_m2[s, :, t], below, rtol=1e-13)
    np.testing.assert_allclose(hese.below_edges_gev, [10**4.6, 10**4.75, 6e4], rtol=1e-12)
    assert hese.area_m2[:, 0].any()
    peak = np.searchsorted(hese.true_edges_gev, 6.3e6) - 1
    assert hese.area_m2[3, peak].sum() > 5.0 * hese.area_m2[0, peak].sum()


def test_threshold_fraction(hese: DataSet) -> None:
    """Best-fit counts above 60 TeV of the 56.2-79.4 TeV column: 0.828 of the cascades, double ones among them."""
    raw = DataFolder.open(data_root() / "hese7").read_arrays("response.npz")["area_m2"].sum(axis=0)
    dropped = raw.shape[0] - hese.area_m2.shape[1]
    ratio = hese.area_m2.sum(axis=0)[:, :, 0].sum(axis=0) / raw[dropped:, :, 5].sum(axis=0)
    np.testing.assert_allclose(ratio, [0.828, 0.833, 0.828], atol=5e-4)


def test_higher_threshold_drops_bins(hese: DataSet) -> None:
    higher = load_dataset("hese7", 10.0**5.2 * (1.0 + 1e-8))
    np.testing.assert_array_equal(higher.bin_edges_gev, hese.bin_edges_gev[3:])
    np.testing.assert_array_equal(higher.observed, hese.observed[:, 3:])
    dropped = hese.area_m2.shape[1] - higher.area_m2.shape[1]
    assert dropped > 0
    np.testing.assert_array_equal(higher.area_m2, hese.area_m2[:, dropped:, :, 3:])
    assert not hese.area_m2[:, :dropped, :, 3:].any()
    assert higher.max_energy_scale >= 1.5
    assert all(higher.backgrounds[name].shape == (3, 12) for name in BACKGROUNDS)


@pytest.mark.parametrize("energy", [7e4, 1e7, 5e4, 0.0, -1.0, float("nan"), float("inf")])
def test_threshold_must_be_an_edge(energy: float) -> None:
    with pytest.raises(ConfigError, match=r"min_deposited_energy_gev: .* allowed: 60000, 79432\.82347"):
        load_dataset("hese7", energy)


def test_arrays_are_read_only(hese: DataSet) -> None:
    with pytest.raises(ValueError, match="read-only"):
        hese.observed[0, 0] = 1.0


def test_own_folder(tmp_path: Path) -> None:
    """A user's folder sealed by `seal`, worked out by hand."""
    own = load_dataset(str(make_own(tmp_path / "mine")), 2e4)
    assert own.topologies == ("shower", "track")
    assert own.bin_edges_gev.tolist() == [2e4, 1e5, 1e6, 1e7]
    assert own.observed.tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 1.0]]
    assert own.backgrounds["conventional"].tolist() == [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]
    assert own.area_m2[0].tolist() == [[[0.0, 1.0, 2.0], [0.75, 4.0, 5.0]], [[3.0, 7.0, 8.0], [2.25, 10.0, 11.0]]]
    assert not own.area_m2[[1, 2, 4, 5]].any()
    assert own.area_m2[3, 0, 0].tolist() == [0.5 * (12.0 + 24.0), 13.0 + 25.0, 14.0 + 26.0]
    assert set(own.checksums) == set(FILES)


def test_every_shipped_file_is_listed_and_noticed() -> None:
    notice = (data_root() / "NOTICE.md").read_text()
    for manifest in sorted(data_root().glob(f"*/{MANIFEST}")):
        folder = DataFolder.open(manifest.parent)
        present = {path.name for path in manifest.parent.iterdir() if path.is_file() and path.name != MANIFEST}
        present = {name for name in present if not name.endswith(".py")}  # the scripts that made them
        assert present == set(folder.files), manifest.parent.name
        for name in folder.files:
            folder.read_bytes(name)
            assert f"{manifest.parent.name}/{name}" in notice


# What must not load


def edit_toml(**changes: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        table = tomllib.loads((folder / "dataset.toml").read_text()) | changes
        (folder / "dataset.toml").write_text(
            tomli_w.dumps({key: value for key, value in table.items() if value is not None})
        )

    return edit


def edit_text(name: str, old: str, new: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        content = (folder / name).read_text()
        assert old in content
        (folder / name).write_text(content.replace(old, new, 1))

    return edit


def edit_response(**changes: Any) -> Callable[[Path], None]:
    return lambda folder: write_response(folder, **changes)


def write_npy(folder: Path) -> None:
    with (folder / "response.npz").open("wb") as stream:
        np.save(stream, ONES)


ONES = np.ones((3, 2, 2, 3))
MANGLED = [
    (edit_toml(livetime_s=-1.0), "dataset.toml: 'livetime_s' is -1.0; allowed: a finite number above 0"),
    (edit_toml(livetime_s=0), "'livetime_s' is 0;"),
    (edit_toml(livetime_s=float("inf")), "'livetime_s' is inf;"),
    (edit_toml(livetime_s=float("nan")), "'livetime_s' is nan;"),
    (edit_toml(livetime_s=True), "'livetime_s' is True;"),
    (edit_toml(livetime_s="long"), "'livetime_s' is 'long';"),
    (edit_toml(livetime_s=None), "'livetime_s' is missing"),
    (edit_toml(livetime=1.0), "'livetime' is not known"),
    (edit_toml(name=" "), "'name' is ' '"),
    (edit_toml(overlaps="hese3"), "'overlaps' is 'hese3'; allowed: a list of texts"),
    (edit_toml(topologies=[]), "'topologies' is []"),
    (edit_toml(topologies=["track", "shower"]), "'topologies' is"),
    (edit_toml(topologies=["track", "track"]), "'topologies' is"),
    (edit_toml(threshold_gev=5e3), "'threshold_gev' is 5000.0; allowed: an energy within the deposited bins"),
    (edit_toml(threshold_gev=1e7), "'threshold_gev' is 10000000.0;"),
    (edit_toml(threshold_gev=1e4), "'threshold_fraction' is"),
    (edit_toml(threshold_fraction=None), "'threshold_fraction' is missing"),
    (edit_toml(threshold_fraction={"shower": 0.5}), "'threshold_fraction' is"),
    (
        edit_toml(threshold_fraction={"shower": 0.5, "track": 1.5}),
        "'track' is 1.5; allowed: a finite number above 0 up to 1",
    ),
    (edit_text("dataset.toml", "name =", "name ="[::-1]), "not valid TOML"),
    (edit_text("events.csv", "30000,shower", "30000,showr"), "events.csv: 'topology' is showr; allowed: shower, track"),
    (edit_text("events.csv", "30000", "nan"), "'deposited_energy_gev' holds NaN"),
    (edit_text("events.csv", "30000", "many"), "'deposited_energy_gev' is a column with other things than numbers"),
    (edit_text("events.csv", "30000", "-3"), "'deposited_energy_gev' is -3"),
    (edit_text("events.csv", "30000,shower,1", "30000,shower,2"), "'in_analysis' is 2.0; allowed: 0 or 1"),
    (edit_text("events.csv", "15000,shower,0", "15000,shower,1"), "'in_analysis' is 1 at 15000 GeV"),
    (edit_text("events.csv", "in_analysis", "used"), "'in_analysis' is missing"),
    (edit_text("events.csv", "30000,shower,1", "30000,shower"), "rows of one length"),
    (edit_text("events.csv", "topology,in_analysis", "in_analysis,in_analysis"), "distinct names"),
    (
        edit_text("backgrounds.csv", "1e5,4,0,1", "1e5,-4,0,1"),
        "backgrounds.csv: 'conventional' is -4.0; allowed: counts of 0",
    ),
    (edit_text("backgrounds.csv", "1e5,4,0,1", "1e5,inf,0,1"), "'conventional' holds NaN or infinity"),
    (edit_text("backgrounds.csv", "prompt", "charm"), "'prompt' is missing"),
    (edit_text("backgrounds.csv", "track,2e4", "track,3e4"), "0 rows of track from 20000 to 100000 GeV"),
    (edit_text("backgrounds.csv", "track,1e5", "double,1e5"), "'topology' is double"),
    (edit_text("backgrounds.csv", "shower,1e6,1e7,3,0,0\n", "shower,1e6,1e7,3,0,0\n" * 2), "2 rows of shower"),
    (edit_text("backgrounds.csv", "shower,1e6,1e7,3,0,0\n", "shower,1e6,1e7,3,0,0\nshower,1e7,1e8,0,0,0\n"), "7 rows"),
    (edit_response(area_m2=-ONES), "response.npz: 'area_m2' is -1.0; allowed: areas of 0 or more"),
    (edit_response(area_m2=ONES * np.nan), "'area_m2' holds NaN"),
    (edit_response(area_m2=ONES * 0.0), "'area_m2' is 0 in every analysis bin"),
    (
        edit_response(area_m2=ONES[1:]),
        "'area_m2' is float64 of shape (2, 2, 2, 3); allowed: numbers of shape (3, 2, 2, 3)",
    ),
    (edit_response(area_m2=ONES.astype(str)), "'area_m2' is"),
    (edit_response(area_m2=None), "'area_m2' is missing"),
    (edit_response(true_edges_gev=np.array([1e4, 1e8, 1e6])), "'true_edges_gev' is"),
    (edit_response(true_edges_gev=np.array([0.0, 1e6, 1e8])), "'true_edges_gev' is"),
    (edit_response(deposited_edges_gev=np.array(1e4)), "'deposited_edges_gev' is float64 of shape ()"),
    (edit_response(channels=np.array(["nue_cc", "nuebar_cc", "nux_cc"])), "'channels' is nux_cc"),
    (edit_response(channels=np.array(["nue_cc", "nuebar_cc", "nuebar"])), "'channels' is nuebar; allowed:"),
    (edit_response(channels=np.array(["nue_cc", "nue_cc", "numu_cc"])), "'channels' is"),
    (edit_response(topologies=np.array(["track", "shower"])), "'topologies' is"),
    (edit_response(channels=np.array([{}, {}, {}])), "not a readable .npz archive"),
    (lambda folder: (folder / "response.npz").write_text("not an archive"), "not a readable .npz archive"),
    (lambda folder: (folder / "response.npz").write_bytes(b""), "not a readable .npz archive"),
    (write_npy, "not a readable .npz archive"),
    (lambda folder: (folder / "events.csv").write_bytes(b"\xff\xfe\x00"), "events.csv: not a CSV table"),
    (lambda folder: (folder / "events.csv").unlink(), "events.csv: not listed in manifest.toml"),
]


@pytest.mark.parametrize(("mangle", "message"), MANGLED, ids=[message[:40] for _, message in MANGLED])
def test_impossible_contents_are_refused(tmp_path: Path, mangle: Callable[[Path], None], message: str) -> None:
    folder = make_own(tmp_path / "mine")
    mangle(folder)
    seal_all(folder)
    with pytest.raises(DataIntegrityError) as refusal:
        load_dataset(str(folder), 2e4)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("name", FILES)
def test_altered_or_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    folder = make_own(tmp_path / "mine")
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content + b"\n")
    with pytest.raises(DataIntegrityError, match=f"{name}: altered"):
        load_dataset(str(folder), 2e4)
    (folder / name).unlink()
    with pytest.raises(DataIntegrityError, match=f"{name}: cannot be read"):
        load_dataset(str(folder), 2e4)


@pytest.mark.parametrize("key", ["source", "licence", "sha256"])
@pytest.mark.parametrize("value", [None, " ", 3])
def test_unsourced_file_is_refused(tmp_path: Path, key: str, value: object) -> None:
    folder = make_own(tmp_path / "mine")
    manifest = tomllib.loads((folder / MANIFEST).read_text())
    del manifest["files"]["events.csv"][key]
    if value is not None:
        manifest["files"]["events.csv"][key] = value
    (folder / MANIFEST).write_text(tomli_w.dumps(manifest))
    with pytest.raises(DataIntegrityError, match=f"the entry of 'events.csv' has no {key}"):
        load_dataset(str(folder), 2e4)


@pytest.mark.parametrize("text", ["files = 3", "[files]\n'events.csv' = 3", "files = ["])
def test_manifest_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    folder = make_own(tmp_path / "mine")
    (folder / MANIFEST).write_text(text)
    with pytest.raises(DataIntegrityError, match=MANIFEST):
        load_dataset(str(folder), 2e4)


@pytest.mark.parametrize(
    "name", ["hese77", "", "/no/such/folder", "~nobody/x", "~nouser/x", "./hese7", "hese7/", "a\0b"]
)
def test_unknown_name_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    what = r"no such shipped data \(there is: .*hese7|no folder of that name"
    with pytest.raises(DataIntegrityError, match=what):
        load_dataset(name)


def test_seal_needs_a_source(tmp_path: Path) -> None:
    folder = make_own(tmp_path / "mine")
    with pytest.raises(DataIntegrityError, match=r"events\.csv: needs a source and a licence"):
        seal(folder, {"events.csv": (" ", "MIT")})
    with pytest.raises(DataIntegrityError, match=r"nothing\.csv: cannot be read"):
        seal(folder, {"nothing.csv": SOURCE})


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_escapes_as_another_error(tmp_path: Path, data: st.DataObject) -> None:
    """Bytes, values or keys changed anywhere, sealed again or not: a refusal or a clean data set, no other error."""
    folder = make_own(tmp_path / "mine")
    name = data.draw(st.sampled_from([*FILES, MANIFEST]))
    content = bytearray((folder / name).read_bytes())
    start = data.draw(st.integers(0, len(content)))
    stop = data.draw(st.integers(start, min(start + 8, len(content))))
    words = [
        b"nan",
        b"inf",
        b"-1",
        b"",
        b"0",
        b"1e999",
        b"[",
        b'"',
        b",",
        b"\n",
        b"shower",
        b"true",
        b"\x00",
        b"#",
        b"=",
    ]
    content[start:stop] = data.draw(st.binary(max_size=8) | st.sampled_from(words))
    (folder / name).write_bytes(content)
    if name != MANIFEST and data.draw(st.booleans()):
        seal_all(folder)
    try:
        loaded = load_dataset(str(folder), 2e4)
    except (DataIntegrityError, ConfigError):
        return
    assert np.isfinite(loaded.livetime_s)
    assert loaded.livetime_s > 0.0
    for array in (loaded.area_m2, loaded.observed, *loaded.backgrounds.values()):
        assert np.isfinite(array).all()
        assert (array >= 0.0).all()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_arrays_never_escape(tmp_path: Path, data: st.DataObject) -> None:
    """One array of the response cut short, negated, retyped or left out."""
    folder = make_own(tmp_path / "mine")
    with np.load(io.BytesIO((folder / "response.npz").read_bytes())) as archive:
        arrays = {key: archive[key] for key in archive.files}
    key = data.draw(st.sampled_from(sorted(arrays)))
    change = data.draw(
        st.sampled_from(
            [
                lambda array: array[:1],
                lambda array: array[..., np.newaxis],
                lambda array: array.astype(str),
                lambda array: array.astype("S3"),
                lambda array: np.array([], dtype=array.dtype),
                lambda array: array[::-1],
                lambda array: array.astype(object),
                lambda array: np.zeros(array.shape, dtype=complex),
                lambda array: np.zeros(array.shape, dtype="M8[s]"),
                lambda array: np.zeros(array.shape, dtype=[("a", float)]),
            ]
        )
    )
    arrays[key] = change(arrays[key])
    np.savez(folder / "response.npz", **arrays)
    seal_all(folder)
    try:
        loaded = load_dataset(str(folder), 2e4)
    except DataIntegrityError:
        return
    assert np.isfinite(loaded.area_m2).all()


@pytest.mark.parametrize("name", ["./hese7", "hese7/", "../here/hese7"])
def test_own_data_are_not_replaced_by_shipped_ones_of_the_same_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "here" / "hese7"
    own.parent.mkdir()
    make_own(own)
    monkeypatch.chdir(own.parent)
    more = ["data.min_deposited_energy_gev=2e4", "parameters.energy_scale.value=1"]
    assert nuinfer.load("hese7_icecube", [f"data.dataset={name}", *more]).config.data.dataset == str(own)
    with pytest.raises(DataIntegrityError, match=r"'hese7' is the name of the data that ship .* write './hese7'"):
        nuinfer.load("hese7_icecube", ["data.dataset=hese7"])
    file = tmp_path / "here" / "mine.toml"
    file.write_text("[data]\ndataset = 'hese7/'\nmin_deposited_energy_gev = 2e4\n")
    monkeypatch.chdir(tmp_path)  # the path in a file begins where the file lies
    assert nuinfer.load("here/mine.toml", more).config.data.dataset == str(own)


@pytest.mark.parametrize("entry", ["1_0", "\uff11\uff10"])
def test_what_only_python_reads_as_a_number_is_none(entry: str) -> None:
    column = parse_csv(f"a\n2.0\n{entry}\n".encode(), "t.csv")["a"]
    assert column.dtype.kind == "U"
