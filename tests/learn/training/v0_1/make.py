"""Writes these checkpoints, with the code of tag v0.1.

git worktree add OLD v0.1; PYTHONPATH=OLD/src python make.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
import torch

from otolith.partners.alignment import Alignment, Role
from otolith.training.pretrained import PretrainedEncoder
from otolith.windows import Windows

out = Path(sys.argv[1])
rng = np.random.default_rng(0)
windows = Windows.from_array(
    rng.normal(size=(8, 3, 50)).astype(np.float32),
    rate_hz=50,
    channels=["waist.acc.x", "waist.acc.y", "waist.acc.z"],
    subject=["x"] * 4 + ["y"] * 4,
)
PretrainedEncoder.fresh(windows, "features").save(out / "plain")
torch.manual_seed(0)
aligned = PretrainedEncoder.fresh(windows, "tpn", filters=(2, 2, 2))
aligned.alignment = Alignment(2, 2, {"text": Role("minilm", {}, 384)})
aligned.record |= {"objective": "primus", "objective_settings": {"partner_fraction": 1.0}}
aligned.save(out / "aligned")
