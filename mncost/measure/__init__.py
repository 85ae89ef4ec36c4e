"""Measuring: places, cells, runtimes, worker processes, the schedule, raw samples."""
