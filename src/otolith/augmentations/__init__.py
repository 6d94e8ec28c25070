"""Windows changed at random, so that an encoder learns what does not matter: each keeps `augmentation.py`'s promise."""

from otolith.catalog import Family

FAMILY = Family(
    "augmentation",
    {
        "jitter": "otolith.augmentations.jitter:Jitter",
        "scaling": "otolith.augmentations.scaling:Scaling",
        "rotation": "otolith.augmentations.rotation:Rotation",
        "negation": "otolith.augmentations.negation:Negation",
        "time_reversal": "otolith.augmentations.time_reversal:TimeReversal",
        "permutation": "otolith.augmentations.permutation:Permutation",
        "time_warp": "otolith.augmentations.time_warp:TimeWarp",
        "channel_shuffle": "otolith.augmentations.channel_shuffle:ChannelShuffle",
        "channel_dropout": "otolith.augmentations.channel_dropout:ChannelDropout",
    },
    base="otolith.augmentations.augmentation:Augmentation",
)
