"""mncost: what a MobileNet costs.

::

    import mncost

    net = mncost.load("v2", alpha=0.5, resolution=160)
    net.macs, net.params, net.layers, net.to_frame()
    mncost.grid("v2", alpha="0.35:1.0", resolution="96:224").to_frame()
"""

from mncost.api import Grid, grid, load
from mncost.errors import InputError, MncostError
from mncost.network import Network

__all__ = ["Grid", "InputError", "MncostError", "Network", "__version__", "grid", "load"]

__version__ = "0.1.0"
