"""Measured latency: runtimes, worker processes, the schedule, raw samples and their statistics."""
