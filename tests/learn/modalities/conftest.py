"""What tests of several modalities share."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A CLIP of random weights and the words of a small tokeniser, in the layout of the published
    one."""
    folder = tmp_path_factory.mktemp("clip")
    transformers = pytest.importorskip("transformers")
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = {"<pad>": 0, "<unk>": 1, "walking": 2, "sitting": 3, "stairs": 4}
    tokeniser = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokeniser.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokeniser, pad_token="<pad>"
    ).save_pretrained(folder)
    small = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    text = {
        "vocab_size": 5,
        "max_position_embeddings": 8,
        "eos_token_id": 4,
        "bos_token_id": 2,
        "pad_token_id": 0,
    }
    config = transformers.CLIPConfig(
        text_config=small | text,
        vision_config=small | {"image_size": 32, "patch_size": 16},
        projection_dim=12,
    )
    transformers.CLIPModel(config).save_pretrained(folder)
    return str(folder)
