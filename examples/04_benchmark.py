"""A benchmark on held-out people: two methods on four virtual people, with small settings."""

from __future__ import annotations

import tempfile
from pathlib import Path

import otolith
from otolith.motion.bodies.people import virtual_study


def main() -> None:
    """Run a benchmark and read its report."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        activities = ("walking", "climbing stairs", "sitting", "standing")
        recordings = virtual_study(people=4, activities=activities, minutes_per_activity=0.3)
        study = otolith.write_study(folder / "study", recordings, name="four virtual people")

        # A method is an objective, an encoder, a head, and settings that differ from the defaults.
        quick = {"objective": "pim", "pretrain": {"epochs": 2}, "adapt": {"steps": 20, "epochs": 1}}
        report = otolith.benchmark(
            [study],
            methods=["quick-pim", "logistic"],
            shots=[1, 4],
            folds=2,
            draws=2,
            out=folder / "results",
            windows={"seconds": 2.5},
            method={"quick-pim": quick},
        )
        print(report.table())
        for line in report.summary:
            if line["versus"]:
                versus = line["versus"]
                print(
                    f"{line['method']} at {line['shots']}: {versus['difference']:+.2f} against "
                    f"{versus['method']}"
                )
        print(sorted(path.name for path in (folder / "results").iterdir()))


if __name__ == "__main__":
    main()
