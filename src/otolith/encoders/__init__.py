"""Windows to vectors: each member keeps the promise of `encoder.py`."""

from otolith.catalog import Family

FAMILY = Family(
    "encoder",
    {
        "tpn": "otolith.encoders.tpn:TPN",
        "stacked_rnn": "otolith.encoders.stacked_rnn:StackedRNN",
        "channel_attention": "otolith.encoders.channel_attention:ChannelAttention",
        "deep_conv_lstm": "otolith.encoders.deep_conv_lstm:DeepConvLSTM",
        "features": "otolith.encoders.features:Features",
    },
    base="otolith.encoders.encoder:Encoder",
)

# Of what goes with windows, not of windows: each keeps the promise of `partner_encoder.py`, and objectives name them.
PARTNER_ENCODERS = Family(
    "partner encoder",
    {
        "pose_former": "otolith.encoders.pose_former:PoseFormer",
        "pose_attention": "otolith.encoders.pose_attention:PoseAttention",
        "text_resnet": "otolith.encoders.text_resnet:TextResNet",
        "text_mlp": "otolith.encoders.text_resnet:TextMLP",
    },
    base="otolith.encoders.partner_encoder:PartnerEncoder",
)
