"""Uploads a dataset to the Hugging Face Hub, and keeps the token out of all that is printed."""

import io
import logging
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any, TextIO

from pipelines.shards.files import read_manifest, shard_name
from pipelines.shards.folder import Folder
from pipelines.shards.identity import JOB_FILE

HIDDEN = "***"
CARD = "README.md"
FILES_A_COMMIT = 1000
# Where inputs lay on this machine: what mixes again, draws again and looks photos up here, and is nobody else's.
LOCAL = ("recipe.yaml", "sources.json", "photos/*", "measured/*")
# Shards, their sidecars, previews and lineage, and what is local: what we write and may take away again.
OURS = re.compile(
    r"(?:(?:train|test)/[^/]+/|photos/|measured/)?(?:data/\d{6}\.parquet|manifest/\d{6}\.json)|previews/[^/]+\.png|"
    r"lineage/[^/]+\.json|recipe\.yaml|sources\.json|(?:photos|measured)/(?:job\.json|listing\.json|entries\.parquet)"
)
LOGGERS = ("", "huggingface_hub", "httpx", "urllib3", "requests", "filelock")


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A whole dataset in a local folder: its files and their sizes in bytes."""

    folder: str
    files: dict[str, int]


def files_of(url: str) -> Published:
    """What a dataset is made of. Raises ValueError where it is not local, not one, or has shards that are not whole."""
    folder = Folder(url)
    if not folder.is_local:
        raise ValueError(f"{url} is remote: copy it to this machine first, or publish from where it lies")
    files = {name: size for name, size in folder.list().items() if not _stays(name)}
    if CARD not in files or not any(name.endswith(".parquet") for name in files):
        raise ValueError(f"{url} holds no dataset with a card and shards: name the folder of one")
    if lost := [name for root in shard_roots(files) for name in _not_whole(folder, root, files)]:
        raise ValueError(
            f"{url} is not whole: {', '.join(lost[:5])}; give the command that makes it again, then upload"
        )
    return Published(folder=folder.url, files=files)


def shard_roots(files: dict[str, int]) -> list[str]:
    """The folders of a dataset that hold data/ and manifest/: itself, or SPLIT/CONFIG of a mix."""
    roots = {str(path.parents[1]) for path in map(PurePosixPath, files) if path.parent.name == "data"}
    return sorted("" if root == "." else root for root in roots)


def _not_whole(folder: Folder, root: str, files: dict[str, int]) -> list[str]:
    start = f"{root}/" if root else ""
    there = {f"{start}{shard_name(index)}" for index in read_manifest(Folder(f"{folder.url}/{root}"))}
    return sorted(name for name in files if name.startswith(f"{start}data/") and name not in there)


def _stays(name: str) -> bool:
    """Whether a file is not sent: hidden, or of this machine alone."""
    hidden = any(part.startswith(".") for part in name.split("/"))
    return hidden or any(fnmatchcase(name, pattern) for pattern in LOCAL)


def upload(found: Published, repo: str, *, private: bool) -> str:
    """Send the files to a dataset repository, made where there is none; its address.

    Raises ValueError without the token in it, whatever went wrong: nothing else of the cause is kept.
    """
    import huggingface_hub

    token = huggingface_hub.get_token()
    if not token:
        raise ValueError("no token for the Hub: run `hf auth login`, or set HF_TOKEN")
    with without_secret(token):
        try:
            api = huggingface_hub.HfApi(token=token)
            address = str(api.create_repo(repo, repo_type="dataset", private=private, exist_ok=True))
            before = set(api.list_repo_files(repo, repo_type="dataset"))
            if not any(name == JOB_FILE or OURS.fullmatch(name) for name in before):
                _send(api, found, repo, JOB_FILE)  # first: by it the next upload knows ours, were this one cut off
            _send(api, found, repo)
            _remove_stale(api, repo, sorted(stale(before, found)))
        except Exception as error:  # of many kinds, some with the request in them
            cause = f"{type(error).__name__}: {error}".replace(token, HIDDEN)
            failure = ValueError(f"the upload stopped ({cause}); the same command goes on from here")
        else:
            return address.replace(token, HIDDEN)
    raise failure


def _send(api: Any, found: Published, repo: str, only: str | None = None) -> None:
    """By whichever call of the installed huggingface_hub sends in parts and skips what is there."""
    keywords = {
        "repo_id": repo,
        "repo_type": "dataset",
        "folder_path": found.folder,
        "allow_patterns": only,
        "ignore_patterns": [".*", "*.tmp", *LOCAL],
    }
    if hasattr(api, "upload_large_folder"):  # before huggingface_hub 2
        api.upload_large_folder(**keywords)
    else:
        api.upload_folder(commit_message="Upload by Smallprint", **keywords)


def stale(before: set[str], found: Published) -> set[str]:
    """Which files on the Hub an earlier upload sent that the dataset no longer has, as rows that were taken out: the
    card's patterns would still find them. None where what lay there was no dataset of ours; nothing of another name."""
    return {name for name in before - found.files.keys() if OURS.fullmatch(name)} if JOB_FILE in before else set()


def _remove_stale(api: Any, repo: str, names: Sequence[str]) -> None:
    from huggingface_hub import CommitOperationDelete

    for start in range(0, len(names), FILES_A_COMMIT):
        part = [CommitOperationDelete(path_in_repo=name) for name in names[start : start + FILES_A_COMMIT]]
        api.create_commit(repo, part, repo_type="dataset", commit_message="Remove what the dataset no longer holds")
    if names:
        print(f"removed   {len(names):,} files that the dataset no longer holds; the repository's history keeps them")


class Scrubbed(io.TextIOBase):
    """Passes text on to a stream, a secret in it replaced."""

    def __init__(self, stream: TextIO, secret: str) -> None:
        self._stream, self._secret = stream, secret

    def write(self, text: str) -> int:
        self._stream.write(text.replace(self._secret, HIDDEN))
        return len(text)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()


class _Scrub(logging.Filter):
    """Replaces a secret in log records, their tracebacks left out."""

    def __init__(self, secret: str) -> None:
        super().__init__()
        self._secret = secret

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = record.getMessage().replace(self._secret, HIDDEN), None
        if record.exc_info:
            record.exc_info, record.exc_text = None, None
        return True


@contextmanager
def without_secret(secret: str) -> Iterator[None]:
    """Within the block neither stream nor log shows the secret."""
    scrub = _Scrub(secret)
    handlers = {handler for name in LOGGERS for handler in logging.getLogger(name).handlers}
    for handler in handlers:
        handler.addFilter(scrub)
    try:
        with redirect_stdout(Scrubbed(sys.stdout, secret)), redirect_stderr(Scrubbed(sys.stderr, secret)):
            yield
    finally:
        for handler in handlers:
            handler.removeFilter(scrub)
