"""Embeddings and a few labels to classes: each member keeps the promise of `head.py`."""

from otolith.catalog import Family

FAMILY = Family(
    "head",
    {
        "linear": "otolith.heads.linear:LinearHead",
        "mlp": "otolith.heads.mlp:MLP",
        "mixture_of_experts": "otolith.heads.mixture_of_experts:MixtureOfExperts",
        "probe": "otolith.heads.probe:LinearProbe",
        "logistic": "otolith.heads.logistic:Logistic",
        "forest": "otolith.heads.forest:Forest",
        "text": "otolith.heads.text:TextHead",
    },
    base="otolith.heads.head:Head",
)
