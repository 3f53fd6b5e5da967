"""The programs that are recorded, and how: PyTorch, as people write it."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent / "programs"
RECORDS = Path(__file__).parent / "records"
# a program, and the options that it is recorded with
PROGRAMS: dict[str, tuple[str, ...]] = {
    "mlp": ("--steps", "1:2"),
    "cnn": (),
    "gpt_block": (),
    "encoder_layer": (),
    "lstm": (),
    "vae": (),
    "gan": ("--steps", "1:2"),
    "policy_gradient": (),
    "diffusion": (),
    "adamw": ("--steps", "1:3"),
    "gradient_penalty": (),
    "nan": ("--on-nan",),
    "own_function": (),
    "writes": ("--steps", "1:3"),
    "half": (),
}
OPAQUE = {"own_function": ["clipped", "Straight", "rrelu"]}  # in all others there is none
