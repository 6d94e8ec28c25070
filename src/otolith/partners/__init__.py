"""What goes with windows in another modality, as vectors: each member keeps the promise of `partner.py`."""

from otolith.catalog import Family

FAMILY = Family(
    "partner",
    {
        "minilm": "otolith.partners.minilm:MiniLM",
        "sentence": "otolith.partners.sentence:Sentence",
        "clip_text": "otolith.partners.clip_text:ClipText",
        "clip_video": "otolith.partners.clip_video:ClipVideo",
        "vectors": "otolith.partners.vectors:Vectors",
        "pose_vector": "otolith.partners.pose_vector:PoseVector",
    },
    extras={"minilm": "text", "sentence": "text", "clip_text": "video", "clip_video": "video"},
    base="otolith.partners.partner:Partner",
)
