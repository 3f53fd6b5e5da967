"""Write the data files that stand beside the samples, from scikit-learn's copies.

Run it in the checkout with numpy and scikit-learn: `python tests/reference/make_sample_data.py`.
The result does not depend on the day or the machine.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
FEATURES = ["mean radius", "mean texture", "mean smoothness", "mean concavity"]


def write_breast_cancer(datasets: Any) -> None:
    """Write x, the four features as measured, and y, 1 for malignant and 0 for benign."""
    data = datasets.load_breast_cancer()
    columns = [list(data.feature_names).index(name) for name in FEATURES]
    malignant = list(data.target_names).index("malignant")
    np.savez_compressed(
        SAMPLES / "breast_cancer.npz",
        x=data.data[:, columns].astype(np.float64),
        y=(data.target == malignant).astype(np.float64),
    )


def write_iris(datasets: Any) -> None:
    """Write the 150 petal lengths in cm, in the data set's order: 50 flowers of each species."""
    data = datasets.load_iris()
    column = list(data.feature_names).index("petal length (cm)")
    rows = [row.tolist() for row in data.data[:, column].reshape(-1, 15)]
    lines = ",\n  ".join(json.dumps(row)[1:-1] for row in rows)
    text = f'{{"petal_length": [\n  {lines}\n]}}\n'
    (SAMPLES / "iris.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sklearn_datasets = importlib.import_module("sklearn.datasets")
    write_breast_cancer(sklearn_datasets)
    write_iris(sklearn_datasets)
