"""Seeded fuzzers: whatever comes, an answer or one line, never a crash, a hang or a wrong status.

`python -m tests.fuzz` tries many inputs and counts what became of them; each fuzzer is one file.
"""
