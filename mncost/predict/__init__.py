"""Latency that was not measured: predicted from a few networks measured on the same machine."""
