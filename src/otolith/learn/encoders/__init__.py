"""Windows to vectors: each member keeps the promise of `encoder.py`."""

from otolith.core.catalog import Family

FAMILY = Family(
    "encoder",
    {
        "tpn": "otolith.learn.encoders.tpn:TPN",
        "stacked_rnn": "otolith.learn.encoders.stacked_rnn:StackedRNN",
        "channel_attention": "otolith.learn.encoders.channel_attention:ChannelAttention",
        "deep_conv_lstm": "otolith.learn.encoders.deep_conv_lstm:DeepConvLSTM",
        "features": "otolith.learn.encoders.features:Features",
    },
    base="otolith.learn.encoders.encoder:Encoder",
)

# Of what goes with windows, not of windows: each keeps the promise of `modality_encoder.py`, and
# objectives name them.
MODALITY_ENCODERS = Family(
    "modality encoder",
    {
        "pose_former": "otolith.learn.encoders.pose_former:PoseFormer",
        "pose_attention": "otolith.learn.encoders.pose_attention:PoseAttention",
        "text_resnet": "otolith.learn.encoders.text_resnet:TextResNet",
        "text_mlp": "otolith.learn.encoders.text_resnet:TextMLP",
    },
    base="otolith.learn.encoders.modality_encoder:ModalityEncoder",
)
