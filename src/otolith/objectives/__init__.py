"""What pretraining asks for: each member keeps the promise of `objective.py`."""

from otolith.catalog import Family

FAMILY = Family(
    "objective",
    {
        "pim": "otolith.objectives.pim:PIM",
    },
)
