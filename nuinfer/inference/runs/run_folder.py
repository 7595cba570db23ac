"""The run folder: what lies in it, who may write there, and the chains, a row of numbered blocks per ensemble.

Every file is written under a temporary name and renamed, so that a kill loses at most one block. Block 000000 holds the
start (one row, step -1), each later one continues where the one before it ends and carries the state of the random
generator after its last step, so that the chains do not depend on where the blocks were cut.
"""

import contextlib
import functools
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from nuinfer.config import CONFIG_RESOLVED as CONFIG_RESOLVED  # noqa: PLC0414 - one of the names of a folder
from nuinfer.config import own_paths, toml
from nuinfer.datafiles import MANIFEST, DataFolder
from nuinfer.errors import ConfigError, DataIntegrityError, RunFolderError, resolved
from nuinfer.inference.runs.stored import Ensemble, Nonfinite, read_stored
from nuinfer.inference.work import files
from nuinfer.inference.work.files import read_json
from nuinfer.reading import LONGEST, arrays_of, content_of
from nuinfer.typing import AnyArray, FloatArray, IntArray

RECORD, SUMMARY, POSTERIOR = "run.json", "summary.json", "posterior.nc"
CONFIG_INPUT = "config.input.toml"
STOP, NONFINITE = "stop", "nonfinite.json"
GETDIST, COBAYA = "getdist", "cobaya.yaml"
KEPT = "kept"
PROGRESS = "progress.json"  # of each ensemble, as are the rejected points in NONFINITE
FIGURES = tuple(f"figures/*.{ending}" for ending in ("pdf", "png", "svg"))
CONTENT = (
    *(f"chains/ensemble-*/{name}" for name in ("[0-9]*.npz", PROGRESS, NONFINITE, files.LOCK)),
    *(f"{GETDIST}/*{ending}" for ending in ("_[0-9]*.txt", ".paramnames", ".ranges")),
    *(f"{KEPT}/[0-9]*", f"{KEPT}/[0-9]*/*"),
    *(*FIGURES, COBAYA, "report.html", CONFIG_INPUT, CONFIG_RESOLVED, files.STATUS, SUMMARY),
    *(files.LOG, POSTERIOR, STOP, NONFINITE),
    RECORD,  # the last to go: it is what makes the folder recognisable
)
"""What a run owns in its folder, as patterns: nothing else is ever removed."""


def is_run(path: Path) -> bool:
    """Whether `path` is recognisably a run folder."""
    try:
        return "config_hash" in read_json(path / RECORD)
    except RunFolderError:
        return False


def check_output(path: Path, *, resume: bool, force: bool) -> bool:
    """Whether `path` already holds a run to be continued, see `nuinfer.inference.work.files.claimed`."""
    return files.claimed(path, "run", RECORD, is_run(path), resume=resume, force=force)


def keep(run: Path, resolved: str, checksums: Mapping[str, str]) -> dict[str, str]:
    """Copy the user's own files and data into a run folder, which then needs nothing else.

    Parameters
    ----------
    run : Path
        The folder.
    resolved : str
        The resolved configuration, which names them.
    checksums : mapping
        Of what was loaded.

    Returns
    -------
    dict
        Each path to its place in the folder.

    Raises
    ------
    RunFolderError
        If one has changed since it was loaded, or cannot be copied.
    """
    kept: dict[str, str] = {}
    for name in own_paths(toml(resolved)).values():
        path = Path(name)
        place = kept.setdefault(name, f"{KEPT}/{len(kept)}-{path.name}")
        try:
            folder = DataFolder.open(path) if path.is_dir() else None
            held = {file: folder.read_bytes(file) for file in folder.files} if folder else {"": content_of(path)}
            found = {file or name: hashlib.sha256(content).hexdigest() for file, content in held.items()}
            if not found.items() <= checksums.items():
                raise RunFolderError(f"'{name}' has changed while it was in use")
            held |= {} if not folder else {MANIFEST: content_of(path / MANIFEST)}
        except (OSError, DataIntegrityError) as error:
            raise RunFolderError(f"'{name}' cannot be copied into {run} ({error})") from error
        for file, content in held.items():
            files.make_folder((run / place / file).parent)
            files.write_atomic(run / place / file, content)
    return kept


def checked_configuration(run: Path, record: Mapping[str, Any], *, trust: bool, kept: bool = False) -> str:
    """The resolved configuration, which is what was sampled and names no code of strangers.

    Own files and data that have gone or changed since are named where the folder keeps them.

    Parameters
    ----------
    run, record
        Folder and record of a run; the record of 0.1.0 has no checksum of the text.
    trust : bool
        Whether Python files that it names may be run although another user or machine has made the folder.
    kept : bool
        Whether what the folder keeps is named in any case.

    Raises
    ------
    RunFolderError
        If the text, or a Python file that it names, is another one than was sampled, or may not be run.
    """
    path, digest, checksums = run / CONFIG_RESOLVED, record.get("resolved_sha256"), record.get("checksums", {})
    with files.refusing(path, "read"):
        text = content_of(path).decode(errors="replace")
    if digest is not None and hashlib.sha256(text.encode()).hexdigest() != digest:
        raise RunFolderError(f"{path}: was changed after the chains were made, so it is not their model")
    try:
        tree = toml(text, f"{path}: ")
    except ConfigError as error:
        raise RunFolderError(str(error)) from error
    for key, name in own_paths(tree).items():
        place, found = run / str(record.get("kept", {}).get(name, "")), _checksums(Path(name), name)
        same = found and found.items() <= checksums.items()
        if place.parent == run / KEPT and (not same or (kept and place.exists())):
            *tables, last = key.split(".")
            functools.reduce(dict.__getitem__, tables, tree)[last] = str(resolved(place))
            found = _checksums(place, name)
        if name.endswith(".py") and found:
            if checksums.get(name, found[name]) != found[name]:
                raise RunFolderError(f"{run}: the file {name} was changed after the chains were made")
            signed = record.get("signature")
            if not trust and (signed is None or signed != files.signature(str(digest))):
                theirs = f"its model runs the code of {name}, and another user or machine has made it"
                raise RunFolderError(f"{run}: {theirs}; look at that file, then give --trust (trust=True)")
    return tomli_w.dumps(tree)


def _checksums(path: Path, name: str) -> dict[str, str]:
    """Of a file, by the name that it has, or of the files of a data set; empty if it cannot be read."""
    with contextlib.suppress(OSError, DataIntegrityError):
        if path.is_dir():
            return DataFolder.open(path).checksums()
        return {name: hashlib.sha256(content_of(path)).hexdigest()}
    return {}


# Ensembles ------------------------------------------------------------------------------------------------------------


def ensemble_folder(run: Path, ensemble: int) -> Path:
    """Folder of the blocks of one ensemble."""
    return run / "chains" / f"ensemble-{ensemble}"


def read_progress(folder: Path, steps: int) -> dict[str, Any]:
    """Where an ensemble is; `steps` are known to be on disk."""
    live: dict[str, Any] = {"steps": 0, "acceptance": None}
    with contextlib.suppress(RunFolderError):  # not started yet
        live = read_stored(folder / PROGRESS, Ensemble)
    return {"steps": max(live["steps"], steps), "acceptance": live["acceptance"]}


def read_rejected(folder: Path) -> list[dict[str, Any]]:
    """Points of an ensemble that were rejected because their log-probability is not a number: step, term, point."""
    path = folder / NONFINITE
    return list(read_stored(path, Nonfinite).get("rejected", [])) if path.exists() else []


# Blocks ---------------------------------------------------------------------------------------------------------------

RandomState = tuple[str, AnyArray, int, int, float]


@dataclass(frozen=True)
class ChainIdentity:
    """What every block of a run must agree on."""

    parameter_names: tuple[str, ...]
    term_names: tuple[str, ...]
    config_hash: str
    walkers: int
    seed: int


@dataclass(frozen=True)
class Block:
    """Consecutive steps of one ensemble.

    Parameters
    ----------
    first_step : int
        Number of the first row; -1 for the start.
    chain : array, shape (step, walker, n_dim)
    log_prob : array, shape (step, walker)
    terms : array, shape (step, walker, n_term)
    accepted : array, shape (walker,)
        Accepted proposals of these steps.
    random_state : tuple
        State of the random generator (``numpy.random.RandomState.get_state``) after the last row.
    """

    first_step: int
    chain: FloatArray
    log_prob: FloatArray
    terms: FloatArray
    accepted: IntArray
    random_state: RandomState

    @property
    def next_step(self) -> int:
        """Number of the step after the last row."""
        return self.first_step + len(self.chain)


def block_path(folder: Path, index: int) -> Path:
    """File of one block."""
    return folder / f"{index:06d}.npz"


def write_block(folder: Path, index: int, block: Block, identity: ChainIdentity) -> None:
    """Write one block of an ensemble."""
    _, keys, position, has_gauss, cached_gauss = block.random_state
    held: dict[str, Any]
    held = {"random_keys": keys, "random_position": [position, has_gauss], "random_cached_gauss": cached_gauss}
    held |= {name: getattr(block, name) for name in ("first_step", "chain", "log_prob", "terms", "accepted")}
    held |= {name: getattr(identity, name) for name in ("parameter_names", "term_names", "config_hash", "seed")}
    held["ensemble"] = folder.name
    buffer = io.BytesIO()
    np.savez(buffer, **held)
    files.write_atomic(block_path(folder, index), buffer.getvalue())


def read_block(path: Path, identity: ChainIdentity) -> Block:
    """Read one block and check that it is whole and belongs to this run.

    Raises
    ------
    RunFolderError
        Naming the file and what is wrong with it.
    """
    try:
        held = arrays_of(content_of(path))
        position, has_gauss = held["random_position"].tolist()
        state = ("MT19937", held["random_keys"], position, has_gauss, float(held["random_cached_gauss"]))
        block = Block(int(held["first_step"]), held["chain"], held["log_prob"], held["terms"], held["accepted"], state)
        names, terms = (tuple(held[name].tolist()) for name in ("parameter_names", "term_names"))
        config_hash, seed = str(held["config_hash"]), int(held.get("seed", identity.seed))
        ensemble = str(held.get("ensemble", path.parent.name))  # 0.1.0: no seed, no ensemble
        np.random.RandomState().set_state(state)
    except FileNotFoundError as error:
        raise RunFolderError(f"{path}: this block is missing") from error
    except Exception as error:  # what is in it may be anything
        raise RunFolderError(f"{path}: truncated or damaged, not a block of a chain ({error})") from error
    for what, found, expected in (
        ("parameters", names, identity.parameter_names),
        ("terms", terms, identity.term_names),
        ("configuration hash", config_hash, identity.config_hash),
        ("seed", seed, identity.seed),
        ("ensemble", ensemble, path.parent.name),
    ):
        if found != expected:
            shown = " ".join(str(found).split())[:LONGEST]
            raise RunFolderError(f"{path}: foreign block, its {what} is {shown} and the run's is {expected}")
    rows = len(block.chain) if block.chain.ndim else 0
    shapes = block.chain.shape, block.log_prob.shape, block.terms.shape, block.accepted.shape
    walkers, n_dim, n_term = identity.walkers, len(names), len(terms)
    kinds = {getattr(block, name).dtype.kind for name in ("chain", "log_prob", "terms")}, block.accepted.dtype.kind
    if kinds != ({"f"}, "i"):
        raise RunFolderError(f"{path}: damaged, its arrays are not of numbers as they are written")
    if rows < 1 or shapes != ((rows, walkers, n_dim), (rows, walkers), (rows, walkers, n_term), (walkers,)):
        raise RunFolderError(f"{path}: foreign block, its arrays have shapes {shapes} for {walkers} walkers")
    if not (np.all(np.isfinite(block.chain)) and np.all(np.isfinite(block.log_prob))):
        raise RunFolderError(f"{path}: damaged, the chain holds numbers that are not finite")
    if np.any(np.isnan(block.terms)):
        raise RunFolderError(f"{path}: damaged, a term of the log-probability is not a number")
    return block


def block_indices(folder: Path) -> range:
    """Numbers of the blocks of an ensemble, 0 to the last without a gap.

    Raises
    ------
    RunFolderError
        Naming the first block that is missing, or a file that is no block.
    """
    found = sorted(folder.glob("*.npz"))
    for index, path in enumerate(found):
        missing = block_path(folder, index)
        if path != missing:
            raise RunFolderError(f"{missing}: this block is missing, the next file is {path.name}")
    return range(len(found))


def read_blocks(folder: Path, identity: ChainIdentity, known: Sequence[Block] = ()) -> list[Block]:
    """All blocks of an ensemble, the first of which may be known; they are checked to follow each other."""
    blocks = list(known)
    for index in block_indices(folder)[len(blocks) :]:
        path = block_path(folder, index)
        block, expected = read_block(path, identity), blocks[-1].next_step if blocks else -1
        if block.first_step != expected:
            raise RunFolderError(f"{path}: foreign block, it starts at step {block.first_step} instead of {expected}")
        blocks.append(block)
    return blocks
