"""What pretraining asks for: each member keeps the promise of `objective.py`."""

from otolith.core.catalog import Family

FAMILY = Family(
    "objective",
    {
        "pim": "otolith.learn.objectives.pim:PIM",
        "transformations": "otolith.learn.objectives.transformations:Transformations",
        "masked": "otolith.learn.objectives.masked:Masked",
        "simclr": "otolith.learn.objectives.simclr:SimCLR",
        "imu2clip": "otolith.learn.objectives.imu2clip:IMU2CLIP",
        "primus": "otolith.learn.objectives.primus:PRIMUS",
        "multi3net": "otolith.learn.objectives.multi3net:Multi3Net",
    },
    base="otolith.learn.objectives.objective:Objective",
)
