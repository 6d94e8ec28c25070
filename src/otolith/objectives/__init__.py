"""What pretraining asks for: each member keeps the promise of `objective.py`."""

from otolith.catalog import Family

FAMILY = Family(
    "objective",
    {
        "pim": "otolith.objectives.pim:PIM",
        "transformations": "otolith.objectives.transformations:Transformations",
        "masked": "otolith.objectives.masked:Masked",
        "simclr": "otolith.objectives.simclr:SimCLR",
        "imu2clip": "otolith.objectives.imu2clip:IMU2CLIP",
        "primus": "otolith.objectives.primus:PRIMUS",
        "multi3net": "otolith.objectives.multi3net:Multi3Net",
    },
    base="otolith.objectives.objective:Objective",
)
