"""What goes with windows in another modality, as vectors: each member keeps the promise of
`modality.py`."""

from otolith.core.catalog import Family

FAMILY = Family(
    "modality",
    {
        "minilm": "otolith.learn.modalities.minilm:MiniLM",
        "sentence": "otolith.learn.modalities.sentence:Sentence",
        "clip_text": "otolith.learn.modalities.clip_text:ClipText",
        "clip_video": "otolith.learn.modalities.clip_video:ClipVideo",
        "vectors": "otolith.learn.modalities.vectors:Vectors",
        "pose_vector": "otolith.learn.modalities.pose_vector:PoseVector",
    },
    extras={"minilm": "text", "sentence": "text", "clip_text": "video", "clip_video": "video"},
    base="otolith.learn.modalities.modality:Modality",
)
