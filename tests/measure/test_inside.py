"""What the engine finds out beside the rounds: ceilings, own times of layers, peak memory."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mncost.measure.ceilings import PRODUCT, PRODUCT_BATCH, PRODUCT_MACS
from mncost.measure.records import Run
from mncost.measure.runtimes.fake import Fake, Fault, Script
from tests.measure.scripted import Builder, Launcher, begun, carried_out, fake_request

QUIET = Script(process=0.0, noise=0.0, overhead_ns=0.0)
V1_PAIRS = 9  # distinct ones: Table 1 of the V1 paper has 13, five of them alike


def compared(scratch: Path, script: Script = QUIET, **request: object) -> Run:
    run = begun(fake_request("v1", pairs=True, memory=True, **request), processes=2)
    return carried_out(run, scratch, script=script)


def test_each_pair_is_four_cells_in_every_place(tmp_path: Path) -> None:
    run = compared(tmp_path, threads=[1, 2])
    assert len(run.pairs) == V1_PAIRS
    assert len(run.cells) == 2 * (2 + 4 * V1_PAIRS)
    for pair in run.pairs:
        assert len(pair.cells) == 2
        for place in pair.cells:
            both, first, second, merged = (
                run.cells[index] for index in (place.both, place.first, place.second, place.merged)
            )
            assert both.macs == first.macs + second.macs
            assert pair.theoretical_share == pytest.approx(both.macs / merged.macs)
            assert (both.subject.twin, merged.subject.twin) == (None, "standard")
            parts = [cell.subject.part for cell in (both, first, second, merged)]
            assert parts[0] == parts[3] == f"{parts[1]} + {parts[2]}"
            assert len({cell.place for cell in (both, first, second, merged)}) == 1
            assert isinstance(both.subject.resolution, int)
            assert pair.in_channels == 32 or both.subject.resolution <= 112
    times = Counter(n for pair in run.pairs for n in pair.counts.values())
    assert times == {1: 2 * 8, 5: 2}


def test_a_part_is_built_and_loaded_as_a_network_of_its_own(tmp_path: Path) -> None:
    """Table 1 of the V1 paper: 3 × 3 × 32 dw on 112 × 112 × 32, then 1 × 1 × 32 × 64."""
    run = compared(tmp_path)
    place = run.pairs[0].cells[0]
    pixels = 112 * 112
    assert run.cells[place.first].macs == 3 * 3 * 32 * pixels
    assert run.cells[place.second].macs == 32 * 64 * pixels
    assert run.cells[place.merged].macs == 3 * 3 * 32 * 64 * pixels
    assert run.cells[place.both].subject.resolution == 112
    loaded = {burst.cell for process in run.processes for burst in process.first_runs}
    assert loaded == {cell.id for cell in run.cells}


def test_the_ceilings_are_seen_by_every_process_of_every_place(tmp_path: Path) -> None:
    run = compared(tmp_path, threads=[1, 2], precision=["fp32", "int8"])
    seen = Counter((c.generation, c.place.threads, c.place.precision) for c in run.ceilings)
    generations = {process.generation for process in run.processes}
    assert seen == {(g, t, p): 1 for g in generations for t in (1, 2) for p in ("fp32", "int8")}
    for ceilings in run.ceilings:
        fast = ceilings.place.threads * (2 if ceilings.place.precision == "int8" else 1)
        assert ceilings.macs == PRODUCT_MACS
        # The script computes 40 MACs and moves 10 bytes a nanosecond and thread.
        assert min(ceilings.product_ns) == pytest.approx(PRODUCT_MACS / 40 / fast, rel=1e-6)
        copied = ceilings.bytes / 10 / ceilings.place.threads
        assert min(ceilings.copy_ns) == pytest.approx(copied, rel=1e-6)


def test_parts_are_profiled_in_every_process_and_networks_are_not(tmp_path: Path) -> None:
    run = compared(tmp_path)
    profiled = Counter(profile.cell for profile in run.profiles)
    parts = {cell.id for cell in run.cells if cell.subject.part}
    generations = len({process.generation for process in run.processes})
    assert profiled == dict.fromkeys(parts, generations)


def test_memory_is_that_of_networks_and_is_measured_once(tmp_path: Path) -> None:
    launch = Launcher({"fake": QUIET})
    run = begun(fake_request("v1", pairs=True, memory=True, copies=2), processes=2)
    carried_out(run, tmp_path, launch=launch)
    whole = [cell for cell in run.cells if cell.subject.part is None and cell.subject.copy == 1]
    assert [peak.cell for peak in run.memory] == [cell.id for cell in whole]
    generations = len({process.generation for process in run.processes})
    assert len(launch.started) == len(whole) + generations, "each in a worker of its own"
    again = len(run.memory)
    carried_out(run, tmp_path, launch=launch)
    assert len(run.memory) == again


@pytest.mark.parametrize("do", ["die", "refuse", "memory", "hang"])
def test_memory_that_cannot_be_measured_is_a_note_and_costs_nothing_else(
    do: str, tmp_path: Path
) -> None:
    class Frail(Launcher):
        """Fails in the very first worker: that of the first network's memory."""

        def __call__(self, spec, generation):
            first = not self.started
            self._scripts = {"fake": Script(faults=(Fault("load", do),)) if first else QUIET}
            return super().__call__(spec, generation)

    run = begun(fake_request("v1", memory=True), processes=2)
    carried_out(run, tmp_path, launch=Frail({}))
    assert [peak.cell for peak in run.memory] == [1]
    assert any("no peak memory of v1" in note for note in run.notes)
    assert not run.failures
    carried_out(run, tmp_path, launch=Frail({}))
    assert sum("no peak memory of v1" in note for note in run.notes) == 1


@pytest.mark.parametrize("do", ["die", "refuse"])
def test_a_product_that_cannot_be_run_costs_the_ceilings_only(do: str, tmp_path: Path) -> None:
    fault = Fault(on="run", do=do, macs=PRODUCT_MACS // PRODUCT_BATCH)
    run = compared(tmp_path, Script(process=0.0, noise=0.0, faults=(fault,)))
    assert not run.ceilings
    assert not run.failures
    assert sum("no ceilings of fake in fp32" in note for note in run.notes) == 1
    measured = {burst.cell for process in run.processes for burst in process.visits()}
    assert measured >= {cell.id for cell in run.cells}


def test_a_product_that_cannot_be_built_costs_the_ceilings_only(tmp_path: Path) -> None:
    class NoProducts(Builder):
        def prepare(self, recipe, folder):
            if recipe.graph == PRODUCT:
                self._too_large = 0
            try:
                return super().prepare(recipe, folder)
            finally:
                self._too_large = None

    run = begun(fake_request("v1", pairs=True), processes=2)
    carried_out(run, tmp_path, builder=NoProducts())
    assert not run.ceilings
    assert not run.failures
    assert any(
        "no ceilings of fake models in fp32: needs about 40 GiB" in note for note in run.notes
    )


def test_what_is_left_out_is_neither_built_nor_measured(tmp_path: Path) -> None:
    builder = Builder()
    run = begun(
        fake_request("v1,v2", max_twin_gmacs=1.0, memory=True, twins_only=True), processes=2
    )
    carried_out(run, tmp_path, builder=builder)
    assert [run.cells[left.cell].subject.twin for left in run.left_out] == ["standard", "standard"]
    assert len(builder.built) == 2
    assert len(run.memory) == 2
    gone = {left.cell for left in run.left_out}
    for process in run.processes:
        assert not gone & {burst.cell for burst in process.visits()}
    assert run.stopped == "target"


def test_networks_without_the_twin_are_left_out_where_only_twins_count(tmp_path: Path) -> None:
    run = begun(fake_request("v1,v2", twin="fused", twins_only=True), processes=2)
    carried_out(run, tmp_path)
    (left,) = run.left_out
    assert run.cells[left.cell].label.arch == "v1"
    assert left.reason == "it has no fused twin"


def test_a_runtime_of_one_image_has_no_ceilings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would run one row of the product, and all would be counted."""
    monkeypatch.setattr(Fake, "largest_batch", 1)
    builder = Builder()
    run = begun(fake_request("v1", pairs=True), processes=2)
    carried_out(run, tmp_path, script=QUIET, builder=builder)
    assert not run.ceilings
    assert not [name for name in builder.built if name.startswith("product")]
    assert run.profiles
