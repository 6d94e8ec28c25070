"""From recordings to windows: a study of three virtual people, cut into windows that still know
whose they are."""

from __future__ import annotations

import tempfile
from pathlib import Path

import otolith
from otolith.motion.bodies.people import virtual_study


def main() -> None:
    """Write a study, open it, cut it."""
    with tempfile.TemporaryDirectory() as folder:
        # Any iterable of recordings will do; readers and data sets give the same kind.
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

        # There is no split by windows: whole people stand on one side or the other.
        train, test = windows.without(["person03"]), windows.of(["person03"])
        few = train.few(2)
        print(
            f"{len(train)} to train on, {len(test)} to test on; two of each class: "
            f"{few.labels.tolist()}"
        )
        print(
            f"the first of them as an array, channels by samples, in SI units: "
            f"{few.values()[0].shape}"
        )


if __name__ == "__main__":
    main()
