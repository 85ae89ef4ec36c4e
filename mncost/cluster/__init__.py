"""Many machines through Dask: design spaces range by range, measuring by generations.

See docs/cluster.md. Everything that moves tasks, finds lost workers and encrypts is ``distributed``.
"""
