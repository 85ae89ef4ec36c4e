"""A score for mncost search: of a mncost.Network, the larger the better."""

from mncost import Network


def score(network: Network) -> float:
    """Prefer networks that use each parameter seldom: many parameters for few MACs."""
    return network.params / network.macs
