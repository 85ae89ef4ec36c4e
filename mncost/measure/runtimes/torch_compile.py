"""torch, compiled by inductor for inference: the weights are constants of the compiled code."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from mncost.measure.runtimes import Call, Setup
from mncost.measure.runtimes.resident import Memory, resident_memory
from mncost.measure.runtimes.torch import Torch

if TYPE_CHECKING:
    from torch import nn

__all__ = ["TorchCompile"]


class TorchCompile(Torch):
    """Like :class:`Torch`; it compiles in the first run after the load."""

    in_all: ClassVar = False
    times_modules: ClassVar = False  # compiled code has none
    load_seconds: ClassVar = 900.0
    trains: ClassVar = False  # what is compiled is frozen

    def start(self, threads: int) -> None:
        """Import torch, set the number of its threads, and freeze what is compiled."""
        super().start(threads)
        import torch._inductor.config as inductor

        inductor.freezing = True

    def prepared(self, module: nn.Module) -> nn.Module:
        """Return what is called: the compiled module, for one shape of images."""
        import torch

        compiled: nn.Module = torch.compile(module, dynamic=False)
        return compiled

    def memory(self, setup: Setup, runs: int) -> Memory:
        """See the memory of a compiled model: what compiling takes belongs to the load."""

        def load() -> Call:
            call = self.load(setup)
            call()
            return call

        return resident_memory(load, runs)
