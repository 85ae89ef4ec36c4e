"""Evolution beside a small space that is enumerated whole, each network by itself."""

from __future__ import annotations

import numpy as np
import pytest

import mncost
from mncost.counted import Counted
from mncost.errors import MeasureError
from mncost.measure.runtimes.fake import SCRIPT
from mncost.measure.where import Where
from mncost.nas.evolution import Evolution
from mncost.nas.score import Score, score_of
from mncost.predict.predictor import Predictor
from mncost.predict.probes import probes
from mncost.space.space import Space


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    """Return what predicts; a script was measured."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SCRIPT, '{"process": 0.0}')
        networks = [*probes(24), *mncost.grid("v1", alpha="0.35,1.0", resolution="96,224")]
        run = mncost.bench(networks, where=Where(runtime="fake"), twin=False, max_time=3).run
    return Predictor.fit(run)


@pytest.fixture(scope="module")
def space() -> Space:
    """Return a space of 192 networks."""
    return Space.of(
        arch="v2",
        alpha=[0.35, 0.5, 0.75],
        resolution=[96, 128],
        choices=[
            {"rows": ["row3", "row4", "row5"], "kernel": [3, 5]},
            {"rows": ["row6", "row7"], "expansion": [4, 6]},
        ],
    )


def narrow(network: Counted) -> float:
    """Prefer many MACs for each parameter: not what latency rewards."""
    return network.macs / network.params


def evolve(
    space: Space, predictor: Predictor, score: Score, budget: float, seed: int, generations: int
) -> Evolution:
    state = Evolution(space, predictor, score, budget=budget, population=8, seed=seed)
    for number in range(1, generations + 1):
        if state.next(number) is None:
            break
    return state


@pytest.mark.parametrize("function", [None, narrow])
@pytest.mark.parametrize("seed", [0, 1])
def test_it_finds_the_best_of_all(
    function: object, seed: int, space: Space, predictor: Predictor
) -> None:
    score = score_of(function, 1, seed)  # type: ignore[arg-type]
    networks = [space.network(number) for number in range(space.size)]
    made = predictor.predict(networks)
    budget = float(np.median([one.latency.hi for one in made if one.latency.hi is not None]))
    fitting = [one.network for one in made if (one.latency.hi or 0) <= budget]
    assert 0 < len(fitting) < space.size
    value = narrow if function else (lambda network: network.macs)
    best = max(value(network) for network in fitting)

    state = evolve(space, predictor, score, budget, seed, 12)
    number = state.best()
    assert number is not None
    assert len(state.scores) < len(fitting)  # it did not try them all
    assert value(space.network(number)) == best
    assert state.scores[number] == pytest.approx(best)
    point = state.point(number)
    assert point.macs == networks[number].macs
    assert point.latency == pytest.approx(made[number].latency.center)
    assert (point.hi or 0) <= budget


def test_nothing_above_the_budget_is_tried(space: Space, predictor: Predictor) -> None:
    every = [space.network(number) for number in range(space.size)]
    made = predictor.predict(every)
    budget = sorted(one.latency.hi or 0 for one in made)[20]
    state = evolve(space, predictor, score_of(None, 1), budget, 0, 30)
    allowed = {number for number, one in enumerate(made) if (one.latency.hi or 0) <= budget}
    assert set(state.scores) <= allowed
    assert len(state.scores) > 15  # nearly all of them: there is nothing else to try


def test_the_same_seed_tries_the_same(space: Space, predictor: Predictor) -> None:
    score = score_of(None, 1)
    one, other, another = (
        evolve(space, predictor, score, 1.0, seed, 3).scores for seed in (4, 4, 5)
    )
    assert list(one.items()) == list(other.items())
    assert list(one) != list(another)


def test_no_network_is_within_the_budget(space: Space, predictor: Predictor) -> None:
    with pytest.raises(MeasureError, match=r"the fastest takes at most [\d.]+ ms: accepted is a"):
        evolve(space, predictor, score_of(None, 1), 1e-9, 0, 1)
