"""A bundle that is held against PyTorch before anybody can see it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mice_train.bundle import Parts, write_bundle, write_manifest
from mice_train.graph import Compute, Computes
from mice_train.tolerance import USUAL, Accepted, Sample, hold, measure_tolerance


def publish(
    parts: Parts, directory: Path, sample: Sample, compute: Compute | Computes, accepted: Accepted = USUAL
) -> dict:
    """Writes beside `directory`, checks there, and takes its place only then; returns the manifest.

    @raises ToleranceExceeded: nothing is written then, and what lay at `directory` stays.
    """
    with in_place_of(directory) as unfinished:
        manifest = write_bundle(parts, unfinished, compute)
        manifest["tolerance"] = measure_tolerance(parts, unfinished, sample, compute, accepted)
        hold(manifest["tolerance"])
        write_manifest(unfinished, manifest)
    return manifest


@contextmanager
def in_place_of(directory: Path) -> Iterator[Path]:
    """Gives a folder that takes the place of `directory` where nothing is raised, and is removed otherwise."""
    unfinished = directory.with_name(f".{directory.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        yield unfinished
        shutil.rmtree(directory, ignore_errors=True)
        unfinished.rename(directory)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
