"""Embeddings and a few labels to classes: each member keeps the promise of `head.py`."""

from otolith.core.catalog import Family

FAMILY = Family(
    "head",
    {
        "linear": "otolith.learn.heads.linear:LinearHead",
        "mlp": "otolith.learn.heads.mlp:MLP",
        "mixture_of_experts": "otolith.learn.heads.mixture_of_experts:MixtureOfExperts",
        "probe": "otolith.learn.heads.probe:LinearProbe",
        "logistic": "otolith.learn.heads.logistic:Logistic",
        "forest": "otolith.learn.heads.forest:Forest",
        "text": "otolith.learn.heads.text:TextHead",
    },
    base="otolith.learn.heads.head:Head",
)
