"""Requests to workers, with the usual values."""

from __future__ import annotations

from pathlib import Path

from mncost.measure.workers.messages import (
    LoadModel,
    ProfileModel,
    RunBurst,
    RunHeaviest,
    SeeMemory,
)

__all__ = ["burst", "heaviest", "load", "memory", "profile"]


def load(cell: int, folder: Path, *, batch: int = 1, provider: str | None = None) -> LoadModel:
    return LoadModel(cell=cell, folder=str(folder), batch=batch, provider=provider)


def burst(cell: int | None, *, warmups: int = 0, runs: int) -> RunBurst:
    return RunBurst(cell=cell, warmups=warmups, runs=runs)


def profile(folder: Path, *, batch: int = 1, precision: str = "fp32", rounds: int) -> ProfileModel:
    return ProfileModel(folder=str(folder), batch=batch, precision=precision, rounds=rounds)


def heaviest(
    folder: Path, *, batch: int = 1, provider: str | None = None, runs: int
) -> RunHeaviest:
    return RunHeaviest(folder=str(folder), batch=batch, provider=provider, runs=runs)


def memory(folder: Path, *, batch: int = 1, provider: str | None = None, runs: int) -> SeeMemory:
    return SeeMemory(folder=str(folder), batch=batch, provider=provider, runs=runs)
