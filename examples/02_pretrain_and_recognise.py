"""The main job in short: learn without labels, adapt with four windows of each activity, recognise
somebody new."""

from __future__ import annotations

import tempfile
from pathlib import Path

import otolith
from otolith.motion.bodies.people import virtual_study


def main() -> None:
    """Pretrain, fit, recognise, keep."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        activities = ("walking", "running", "sitting", "waving")
        recordings = virtual_study(people=5, activities=activities, minutes_per_activity=0.4)
        study = otolith.write_study(folder / "study", recordings, name="five virtual people")

        windows = study.windows(seconds=2.5)
        known, stranger = windows.without(["person05"]), windows.of(["person05"])

        # Five epochs instead of up to a hundred, so that this example ends in seconds.
        encoder = otolith.pretrain(known, "pim", epochs=5)
        print(
            f"pretrained: validation loss {encoder.history[-1]['validation']:.2f} on a person held "
            f"back to choose by"
        )

        recogniser = otolith.Recogniser(encoder, steps=60, epochs=1, threads=1).fit(known.few(4))
        print(
            f"share of windows of {stranger.subjects[0]} that are recognised: "
            f"{recogniser.score(stranger):.2f}"
        )

        timeline = recogniser.recognise(study.recording("person05"))
        print({label: round(seconds) for label, seconds in timeline.seconds.items()}, "seconds")

        # A folder of data, no code: weights, settings, and a card that says on whom it was trained.
        recogniser.save(folder / "recogniser")
        again = otolith.Recogniser.load(folder / "recogniser")
        assert (again.predict(stranger) == recogniser.predict(stranger)).all()
        print((folder / "recogniser" / "README.md").read_text(encoding="utf-8").splitlines()[0])


if __name__ == "__main__":
    main()
