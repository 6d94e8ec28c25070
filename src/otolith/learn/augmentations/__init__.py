"""Windows changed at random, so that an encoder learns what does not matter: each keeps
`augmentation.py`'s promise."""

from otolith.core.catalog import Family

FAMILY = Family(
    "augmentation",
    {
        "jitter": "otolith.learn.augmentations.jitter:Jitter",
        "scaling": "otolith.learn.augmentations.scaling:Scaling",
        "rotation": "otolith.learn.augmentations.rotation:Rotation",
        "negation": "otolith.learn.augmentations.negation:Negation",
        "time_reversal": "otolith.learn.augmentations.time_reversal:TimeReversal",
        "permutation": "otolith.learn.augmentations.permutation:Permutation",
        "time_warp": "otolith.learn.augmentations.time_warp:TimeWarp",
        "channel_shuffle": "otolith.learn.augmentations.channel_shuffle:ChannelShuffle",
        "channel_dropout": "otolith.learn.augmentations.channel_dropout:ChannelDropout",
    },
    base="otolith.learn.augmentations.augmentation:Augmentation",
)
