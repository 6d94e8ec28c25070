"""Pretrain without labels, adapt with four windows per class, recognise a new person."""

from __future__ import annotations

import tempfile
from pathlib import Path

import otolith
from otolith.motion.bodies.people import virtual_study


def main() -> None:
    """Pretrain, fit, recognise, save."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        activities = ("walking", "running", "sitting", "waving")
        recordings = virtual_study(people=5, activities=activities, minutes_per_activity=0.4)
        study = otolith.write_study(folder / "study", recordings, name="five virtual people")

        windows = study.windows(seconds=2.5)
        train, test = windows.without(["person05"]), windows.of(["person05"])

        # Five epochs instead of up to a hundred, so that this example ends in seconds.
        encoder = otolith.pretrain(train, "pim", epochs=5)
        print(f"pretrained: validation loss {encoder.history[-1]['validation']:.2f}")

        recogniser = otolith.Recogniser(encoder, steps=60, epochs=1, threads=1).fit(train.few(4))
        print(f"accuracy on {test.subjects[0]}: {recogniser.score(test):.2f}")

        timeline = recogniser.recognise(study.recording("person05"))
        print({label: round(seconds) for label, seconds in timeline.seconds.items()}, "seconds")

        # A folder of data, no code: weights, settings, and a card that lists the training people.
        recogniser.save(folder / "recogniser")
        again = otolith.Recogniser.load(folder / "recogniser")
        assert (again.predict(test) == recogniser.predict(test)).all()
        print((folder / "recogniser" / "README.md").read_text(encoding="utf-8").splitlines()[0])


if __name__ == "__main__":
    main()
