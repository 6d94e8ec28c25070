"""From recordings to windows that know their subject: a study of three virtual people."""

from __future__ import annotations

import tempfile
from pathlib import Path

import otolith
from otolith.motion.bodies.people import virtual_study


def main() -> None:
    """Write a study, load it, cut windows."""
    with tempfile.TemporaryDirectory() as folder:
        # Any iterable of recordings works; readers and data sets yield the same type.
        recordings = virtual_study(
            people=3, activities=("walking", "sitting", "waving"), minutes_per_activity=0.5
        )
        otolith.write_study(Path(folder) / "study", recordings, name="three virtual people")

        study = otolith.load(Path(folder) / "study")
        print(
            f"{study.name}: {len(study)} recordings, {study.hours:.2f} h, of "
            f"{', '.join(study.subjects)}"
        )
        for recording in study:
            sensors = ", ".join(f"{s.name} ({len(s.time_s)} samples)" for s in recording.streams)
            print(f"  {recording.id}: {sensors}; {len(recording.segments)} labelled stretches")

        windows = study.windows(seconds=2.5, rate_hz=50, overlap=0.5)
        print(
            f"{len(windows)} windows of {windows.length} samples; dropped: "
            f"{windows.dropped or 'none'}"
        )
        print(f"channels: {', '.join(channel.name for channel in windows.channels)}")

        # Splits are by whole people; a split by windows does not exist.
        train, test = windows.without(["person03"]), windows.of(["person03"])
        few = train.few(2)
        print(
            f"{len(train)} training and {len(test)} test windows; two per class: "
            f"{few.labels.tolist()}"
        )
        print(
            f"the first one as an array (channels, samples), in SI units: {few.values()[0].shape}"
        )


if __name__ == "__main__":
    main()
