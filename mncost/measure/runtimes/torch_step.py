"""A training step on torch: forward, loss, backward, and an update by SGD with momentum.

With fake quantisation (QAT) the weights of every convolution and fully connected layer, and what it
reads, are rounded to 8 bits in the forward pass, by torch's own modules: symmetric with a scale for
each output channel, and with a moving average of the range. Batch norms are not folded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mncost.training.trained import fake_quantised, trained

if TYPE_CHECKING:
    import torch
    from torch import nn

    from mncost.graph.graph import Graph
    from mncost.measure.runtimes import Call

__all__ = ["training_step"]

_MOMENTUM = 0.9


def training_step(
    module: nn.Module, graph: Graph, images: Sequence[torch.Tensor], train: str
) -> Call:
    """Return a call that does one step, in training mode; every call does the same work.

    The learning rate is 0, so that the weights, and with them the numbers that kernels meet, stay
    what they are. Labels are fixed; what gives no logits has the mean of its results for a loss.

    Args:
        module: of the graph; its parameters are changed in place.
        graph: says which parameters are trained.
        images: one batch for each input.
        train: what is trained, as in :func:`mncost.training.trained.fake_quantised`.
    """
    import torch
    from torch.nn.functional import cross_entropy

    torch.manual_seed(0)
    module.train()
    with torch.no_grad():
        results = module(*images)
    is_logits = isinstance(results, torch.Tensor) and results.dim() == 2
    classes = results.shape[1] if is_logits else None
    train, is_quantised = fake_quantised(train)
    for index, leaves in trained(graph, train, classes).items():
        for leaf in leaves:
            module.get_parameter(f"{graph.nodes[index].name}.{leaf}").requires_grad_(True)
    if is_quantised:
        from mncost.models.qat import fake_quantise

        fake_quantise(module)
    learned = [one for one in module.parameters() if one.requires_grad]
    optimizer = torch.optim.SGD(learned, lr=0.0, momentum=_MOMENTUM)
    labels = torch.arange(len(images[0])) % (classes or 1)

    def loss(results: object) -> torch.Tensor:
        if is_logits:
            return cross_entropy(results, labels)
        several = results if isinstance(results, tuple) else (results,)
        return torch.stack([one.mean() for one in several if one.requires_grad]).sum()

    def call() -> object:
        optimizer.zero_grad(set_to_none=True)
        value = loss(module(*images))
        value.backward()
        optimizer.step()
        return value

    return call
