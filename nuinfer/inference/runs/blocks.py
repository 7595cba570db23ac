"""Chains on disk: a row of numbered blocks per ensemble.

Block 000000 holds the start (one row, step -1), each later one continues where the one before it ends and carries the
state of the random generator after its last step, so that the chains do not depend on where the blocks were cut.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nuinfer.errors import RunFolderError
from nuinfer.inference.work.files import write_atomic
from nuinfer.typing import AnyArray, FloatArray, IntArray

RandomState = tuple[str, AnyArray, int, int, float]


@dataclass(frozen=True)
class ChainIdentity:
    """What every block of a run must agree on."""

    parameter_names: tuple[str, ...]
    term_names: tuple[str, ...]
    config_hash: str
    walkers: int


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


def ensemble_folder(run: Path, ensemble: int) -> Path:
    """Folder of the blocks of one ensemble."""
    return run / "chains" / f"ensemble-{ensemble}"


def block_path(folder: Path, index: int) -> Path:
    """File of one block."""
    return folder / f"{index:06d}.npz"


def write_block(folder: Path, index: int, block: Block, identity: ChainIdentity) -> None:
    """Write one block of an ensemble."""
    _, keys, position, has_gauss, cached_gauss = block.random_state
    buffer = io.BytesIO()
    np.savez(
        buffer,
        chain=block.chain,
        log_prob=block.log_prob,
        terms=block.terms,
        accepted=block.accepted,
        first_step=np.int64(block.first_step),
        random_keys=keys,
        random_position=np.array([position, has_gauss], dtype=np.int64),
        random_cached_gauss=np.float64(cached_gauss),
        parameter_names=np.array(identity.parameter_names, dtype=str),
        term_names=np.array(identity.term_names, dtype=str),
        config_hash=np.array(identity.config_hash),
    )
    write_atomic(block_path(folder, index), buffer.getvalue())


def read_block(path: Path, identity: ChainIdentity) -> Block:
    """Read one block and check that it is whole and belongs to this run.

    Raises
    ------
    RunFolderError
        Naming the file and what is wrong with it.
    """
    try:
        with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
            held = {name: archive[name] for name in archive.files}
        position = held["random_position"]
        state = ("MT19937", held["random_keys"], int(position[0]), int(position[1]), float(held["random_cached_gauss"]))
        names = tuple(held["parameter_names"].tolist()), tuple(held["term_names"].tolist())
        config_hash = str(held["config_hash"])
        block = Block(int(held["first_step"]), held["chain"], held["log_prob"], held["terms"], held["accepted"], state)
    except FileNotFoundError as error:
        raise RunFolderError(f"{path}: this block is missing") from error
    except (OSError, ValueError, KeyError, IndexError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise RunFolderError(f"{path}: truncated or damaged, not a block of a chain ({error})") from error
    for what, found, expected in (
        ("parameters", names[0], identity.parameter_names),
        ("terms", names[1], identity.term_names),
        ("configuration hash", config_hash, identity.config_hash),
    ):
        if found != expected:
            raise RunFolderError(f"{path}: foreign block, its {what} are {found} and the run's are {expected}")
    rows = len(block.chain) if block.chain.ndim else 0
    shapes = block.chain.shape, block.log_prob.shape, block.terms.shape, block.accepted.shape
    walkers, n_dim, n_term = identity.walkers, len(names[0]), len(names[1])
    if rows < 1 or shapes != ((rows, walkers, n_dim), (rows, walkers), (rows, walkers, n_term), (walkers,)):
        raise RunFolderError(f"{path}: foreign block, its arrays have shapes {shapes} for {walkers} walkers")
    if not (np.all(np.isfinite(block.chain)) and np.all(np.isfinite(block.log_prob))):
        raise RunFolderError(f"{path}: damaged, the chain holds numbers that are not finite")
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
        if path != block_path(folder, index):
            missing = block_path(folder, index)
            raise RunFolderError(f"{missing}: this block is missing, the next file is {path.name}")
    return range(len(found))


def read_blocks(folder: Path, identity: ChainIdentity, start: int = 0) -> list[Block]:
    """Blocks of an ensemble from number `start` on, checked to follow each other."""
    blocks: list[Block] = []
    for index in block_indices(folder)[start:]:
        path = block_path(folder, index)
        block = read_block(path, identity)
        expected = blocks[-1].next_step if blocks else (-1 if index == 0 else block.first_step)
        if block.first_step != expected:
            raise RunFolderError(f"{path}: foreign block, it starts at step {block.first_step} instead of {expected}")
        blocks.append(block)
    return blocks


class Chains:
    """The blocks of a run, each read once.

    Parameters
    ----------
    folders : list of Path
        Those of the ensembles.
    identity : ChainIdentity
        What the blocks must agree on.
    """

    def __init__(self, folders: list[Path], identity: ChainIdentity) -> None:
        self._folders, self._identity = folders, identity
        self._blocks: list[list[Block]] = [[] for _ in self._folders]

    def refresh(self) -> list[int]:
        """Read what is new on disk; return the steps of each ensemble.

        Raises
        ------
        RunFolderError
            Naming a block that is truncated, foreign or missing.
        """
        for folder, blocks in zip(self._folders, self._blocks, strict=True):
            new = read_blocks(folder, self._identity, start=len(blocks))
            if blocks and new and new[0].first_step != blocks[-1].next_step:
                path = block_path(folder, len(blocks))
                raise RunFolderError(f"{path}: foreign block, it does not continue the one before it")
            blocks.extend(new)
        return [blocks[-1].next_step if blocks else 0 for blocks in self._blocks]

    def stacked(self, name: str, steps: int) -> FloatArray:
        """The first `steps` steps of "chain", "log_prob" or "terms", shape (ensemble, step, walker, ...)."""
        each = [[getattr(block, name) for block in blocks[1:]] for blocks in self._blocks]  # blocks[0] is the start
        return np.array([np.concatenate(parts)[:steps] for parts in each])
