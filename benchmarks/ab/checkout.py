"""The two checkouts: one of a commit, and one of the working tree as it is now."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

#: What an environment is made of: a checkout in which one of these is another is another folder.
REQUIREMENTS = ("requirements/uv.txt", "requirements/demo.txt", "pyproject.toml")
#: How many digits of a commit and of a digest are in names.
_DIGITS = 12


class NotComparableError(Exception):
    """There is nothing to compare; the message says why, and what to do."""


class _GitError(NotComparableError):
    """Git was not able to do what it was told."""


class Checkout(NamedTuple):
    """The files of a state of the project, in a folder of their own."""

    #: The state, as it is told to people.
    name: str
    folder: Path


def of_commit(root: Path, reference: str, cache: Path) -> Checkout:
    """Return a checkout of what a commit, branch or tag names; that of a commit is written once.

    Raises:
        NotComparableError: there is no such commit, or it is older than its requirements.
    """
    commit = _commit(root, reference)
    with tempfile.TemporaryDirectory(prefix="new-", dir=cache) as name:
        fresh = Path(name) / "files"
        _git(root, "read-tree", commit, variables={"GIT_INDEX_FILE": f"{name}/index"})
        _git(root, "checkout-index", "--all", f"--prefix={fresh}/", variables={"GIT_INDEX_FILE": f"{name}/index"})
        folder = cache / f"{commit[:_DIGITS]}-{_environment_digest(fresh, reference)}"
        if not folder.exists():
            fresh.rename(folder)
    return Checkout(reference if commit.startswith(reference) else f"{reference} ({commit[:7]})", folder)


def of_working_tree(root: Path, cache: Path) -> Checkout:
    """Return a copy of the working tree, with whatever is changed or new in it and not ignored.

    What is edited while it is measured is not measured.
    """
    folder = cache / f"tree-{_environment_digest(root, 'the working tree')}"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        if old.name == ".venv":
            continue
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink()
    for name in _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0"):
        source, target = root / name, folder / name
        # Deleted files are listed, too, and a repository in this one as a folder.
        if name and (source.is_file() or source.is_symlink()):
            target.parent.mkdir(parents=True, exist_ok=True)
            # With its times: make and Python know by them what is new.
            shutil.copy2(source, target, follow_symlinks=False)
    changed = ", with changes" if _git(root, "status", "--porcelain") else ""
    return Checkout(f"the working tree at {_commit(root, 'HEAD')[:7]}{changed}", folder)


def check_repository(root: Path) -> None:
    """Return if a folder is a repository of git's.

    Raises:
        NotComparableError: it is none.
    """
    try:
        top = Path(_git(root, "rev-parse", "--show-toplevel").strip())
    except _GitError as error:
        raise _no_repository(root, str(error)) from error
    if top.resolve() != root.resolve():
        raise _no_repository(root, f"it is a folder of {top}")


def _no_repository(root: Path, reason: str) -> NotComparableError:
    return NotComparableError(
        f"{root} is not a git repository of its own, so there is no other commit in it ({reason}): "
        "clone the project, and run this there"
    )


def _commit(root: Path, reference: str) -> str:
    try:
        return _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}").strip()
    except _GitError as error:
        raise NotComparableError(
            f"no commit is named {reference!r} in {root}: name one that `git log` shows, a branch or a tag, "
            "or fetch it first"
        ) from error


def _environment_digest(folder: Path, name: str) -> str:
    """Return a digest of all that an environment is made of.

    Raises:
        NotComparableError: some of that is missing.
    """
    digest = hashlib.sha256(f"{sys.version} {sys.base_prefix}".encode())
    for file in REQUIREMENTS:
        try:
            digest.update((folder / file).read_bytes())
        except OSError as error:
            raise NotComparableError(
                f"{name} has no {file}, so no environment can be made for it: compare with a later commit"
            ) from error
    return digest.hexdigest()[:_DIGITS]


def _git(root: Path, *words: str, variables: Mapping[str, str] | None = None) -> str:
    command = ["git", "-C", str(root), *words]
    try:
        return subprocess.run(
            command, env={**os.environ, **(variables or {})}, check=True, capture_output=True, text=True
        ).stdout
    except FileNotFoundError as error:
        raise NotComparableError("git is not installed, and the other commit comes from it: install git") from error
    except subprocess.CalledProcessError as error:
        raise _GitError(f"git {words[0]} says: {error.stderr.strip()}") from error
