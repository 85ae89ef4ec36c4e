"""Many machines through Dask: design spaces range by range, measuring by generations.

See docs/cluster.md. ``distributed`` moves tasks, finds lost workers and encrypts.
"""
