"""Record of timm's pretrained networks how many classes they have, and the size of their images.

Usage: python record_timm_names.py
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import timm

FILE = Path(__file__).with_name("timm_names.json.gz")

if __name__ == "__main__":
    every = {name: timm.get_pretrained_cfg(name) for name in timm.list_models(pretrained=True)}
    facts = {name: [one.num_classes, one.input_size[-1]] for name, one in every.items()}
    text = json.dumps({"timm": timm.__version__, "names": facts}, separators=(",", ":"))
    FILE.write_bytes(gzip.compress(text.encode(), mtime=0))
