"""The reference: transformers' own modules in float32, loaded with the weights of GGUF files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch
from transformers import EuroBertConfig, EuroBertModel, Qwen3Config, Qwen3Model, WhisperFeatureExtractor
from transformers.models.qwen2_5_omni.configuration_qwen2_5_omni import Qwen2_5OmniAudioEncoderConfig
from transformers.models.qwen2_5_omni.modeling_qwen2_5_omni import Qwen2_5OmniAudioEncoder
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen3_vl.configuration_qwen3_vl import Qwen3VLVisionConfig
from transformers.models.qwen3_vl.modeling_qwen3_vl import Qwen3VLVisionModel

from .hf_tokenizer import build_tokenizer
from .pixels import Limits, Patches
from .spans import Part, Span, build_spans
from .weights import Array, Weights

if TYPE_CHECKING:
    from PIL import Image

_Tower = TypeVar("_Tower")

TEXT_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
VISION_NAMES = {
    "ln1": "norm1",
    "ln2": "norm2",
    "attn_qkv": "attn.qkv",
    "attn_out": "attn.proj",
    "ffn_up": "mlp.linear_fc1",
    "ffn_down": "mlp.linear_fc2",
}
VISION_TOP = {"v.post_ln": "merger.norm", "mm.0": "merger.linear_fc1", "mm.2": "merger.linear_fc2"}
AUDIO_NAMES = {
    "ln1": "self_attn_layer_norm",
    "ln2": "final_layer_norm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_out": "self_attn.out_proj",
    "ffn_up": "fc1",
    "ffn_down": "fc2",
}
# The published projector sits where the encoder's own projection would be.
AUDIO_TOP = {"a.conv1d.1": "conv1", "a.conv1d.2": "conv2", "a.post_ln": "ln_post", "mm.a.fc": "proj"}


class TorchText:
    """A text tower.

    Parameters
    ----------
    source
        Text file, of any tensor types that ``gguf.quants.dequantize`` reads; or its weights.
    """

    def __init__(self, source: Path | Weights) -> None:
        self._weights = weights = _open(source)
        arch = weights.architecture
        config = {"qwen3": Qwen3Config, "eurobert": EuroBertConfig}[arch](
            # Embedding rows are read from the file when they are needed.
            vocab_size=1,
            **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id")),
            mask_token_id=0,
            hidden_size=weights.int(f"{arch}.embedding_length"),
            intermediate_size=weights.int(f"{arch}.feed_forward_length"),
            num_hidden_layers=weights.int(f"{arch}.block_count"),
            num_attention_heads=weights.int(f"{arch}.attention.head_count"),
            num_key_value_heads=weights.int(f"{arch}.attention.head_count_kv"),
            head_dim=weights.int(f"{arch}.attention.key_length"),
            max_position_embeddings=weights.int(f"{arch}.context_length"),
            rms_norm_eps=weights.float(f"{arch}.attention.layer_norm_rms_epsilon"),
            rope_parameters={"rope_type": "default", "rope_theta": weights.float(f"{arch}.rope.freq_base")},
            attn_implementation="sdpa",
        )
        with torch.device("meta"):
            self._model = {"qwen3": Qwen3Model, "eurobert": EuroBertModel}[arch](config)
        state = _block_state(weights, "blk", "layers", TEXT_NAMES)
        state["norm.weight"] = torch.from_numpy(weights["output_norm.weight"])
        state["embed_tokens.weight"] = torch.zeros(1, config.hidden_size)
        self._model.load_state_dict(state, assign=True)
        # Its frequencies are no part of the state, so it has to be made where tensors have values.
        self._model.rotary_emb = type(self._model.rotary_emb)(config=config)
        self._model.eval()

    def hidden(self, spans: Sequence[Span]) -> Array:
        """Return the tower's normed output for every position of a sequence."""
        rows = [self._weights.rows("token_embd.weight", np.array(s)) if isinstance(s, list) else s for s in spans]
        with torch.inference_mode():
            embedded = torch.from_numpy(np.concatenate(rows))[None].to(self._model.device)
            return self._model(inputs_embeds=embedded).last_hidden_state[0].cpu().numpy()

    def pooled(self, spans: Sequence[Span]) -> Array:
        """Return the last position's output, not normalised."""
        return self.hidden(spans)[-1]


class TorchVision:
    """A vision tower with its merger.

    Parameters
    ----------
    source
        Vision projector file, or one with both projectors; or its weights.
    """

    def __init__(self, source: Path | Weights) -> None:
        weights = _open(source)
        self.limits = Limits.of(weights)
        config = Qwen3VLVisionConfig(
            depth=weights.int("clip.vision.block_count"),
            hidden_size=weights.int("clip.vision.embedding_length"),
            intermediate_size=weights.int("clip.vision.feed_forward_length"),
            num_heads=weights.int("clip.vision.attention.head_count"),
            out_hidden_size=weights.int("clip.vision.projection_dim"),
            hidden_act="gelu_pytorch_tanh",
            num_position_embeddings=2304,
            deepstack_visual_indexes=[],
            attn_implementation="sdpa",
        )
        with torch.device("meta"):
            self._model = Qwen3VLVisionModel(config)
        state = _block_state(weights, "v.blk", "blocks", VISION_NAMES) | _top_state(weights, VISION_TOP)
        patch = np.stack([weights["v.patch_embd.weight"], weights["v.patch_embd.weight.1"]], axis=2)
        state["patch_embed.proj.weight"] = torch.from_numpy(patch)
        state["patch_embed.proj.bias"] = torch.from_numpy(weights["v.patch_embd.bias"])
        state["pos_embed.weight"] = torch.from_numpy(weights["v.position_embd.weight"])
        self._model.load_state_dict(state, assign=True)
        self._model.rotary_pos_emb = type(self._model.rotary_pos_emb)(config)
        self._model.eval()

    def rows(self, patches: Patches) -> Array:
        """Return the merged rows of an image or video, (t * h * w / 4, n_embd of the text tower)."""
        with torch.inference_mode():
            place = self._model.device
            rows, grid = torch.from_numpy(patches.rows).to(place), torch.tensor([patches.grid], device=place)
            return self._model(rows, grid).pooler_output.cpu().numpy()


class TorchAudio:
    """An audio tower with its projector, and the mel frames before it.

    Parameters
    ----------
    source
        Audio projector file, or one with both projectors; or its weights.
    """

    def __init__(self, source: Path | Weights) -> None:
        weights = _open(source)
        self._extractor = WhisperFeatureExtractor(feature_size=weights.int("clip.audio.num_mel_bins"))
        config = Qwen2_5OmniAudioEncoderConfig(
            num_mel_bins=weights.int("clip.audio.num_mel_bins"),
            encoder_layers=weights.int("clip.audio.block_count"),
            encoder_attention_heads=weights.int("clip.audio.attention.head_count"),
            encoder_ffn_dim=weights.int("clip.audio.feed_forward_length"),
            d_model=weights.int("clip.audio.embedding_length"),
            n_window=int(str(weights.key("clip.audio.n_window", 100))),
            output_dim=weights.int("clip.audio.projection_dim"),
            activation_function="gelu",
            attn_implementation="sdpa",
        )
        with torch.device("meta"):
            self._model = Qwen2_5OmniAudioEncoder(config)
        state = _block_state(weights, "a.blk", "layers", AUDIO_NAMES) | _top_state(weights, AUDIO_TOP)
        for name in ("conv1.bias", "conv2.bias"):
            state[name] = state[name].reshape(-1)
        state["audio_bos_eos_token.weight"] = torch.zeros(2, config.output_dim)
        self._model.load_state_dict(state, assign=True)
        positions = torch.from_numpy(weights["a.position_embd.weight"])
        self._model.positional_embedding.positional_embedding = positions
        self._model.eval()

    def mel(self, samples: Array) -> Array:
        """Return the log-mel frames of a clip's first 30 seconds, (n_mel, frames), without the padding."""
        features = self._extractor(samples, sampling_rate=16_000, return_attention_mask=True, return_tensors="np")
        return features["input_features"][0][:, features["attention_mask"][0].astype(bool)]

    def rows(self, mel: Array) -> Array:
        """Return the projected rows of a clip's mel frames."""
        with torch.inference_mode():
            place = self._model.device
            frames = torch.from_numpy(np.ascontiguousarray(mel)).to(place)
            lengths = torch.tensor([mel.shape[1]], device=place)
            return self._model(frames, feature_lens=lengths).last_hidden_state.cpu().numpy()


class TorchReference:
    """A whole model: towers, tokenizer and prompts.

    Parameters
    ----------
    text, vision, audio
        The files; without a projector its media cannot be embedded.
    weights
        Of the three in place of those in the files.
    """

    def __init__(
        self,
        text: Path,
        vision: Path | None = None,
        audio: Path | None = None,
        weights: tuple[Weights, Weights, Weights] | None = None,
    ) -> None:
        of_text, of_vision, of_audio = weights or (text, vision, audio)
        self.text = TorchText(of_text)
        self.vision = TorchVision(of_vision) if of_vision else None
        self.audio = TorchAudio(of_audio) if of_audio else None
        self.tokenizer = build_tokenizer(text)
        keys = _open(of_text)
        eos = keys.key("tokenizer.ggml.eos_token_id") if keys.key("tokenizer.ggml.add_eos_token") else None
        self._eos = None if eos is None else int(str(eos))

    def spans(self, parts: Sequence[Part], dialect: str = "card") -> list[Span]:
        """Return the token ids and rows of an input, in order."""
        return build_spans(
            parts,
            encode=lambda text: self.tokenizer.encode(text, add_special_tokens=False).ids,
            known=lambda token: self.tokenizer.token_to_id(token) is not None,
            vision=lambda patches: self._need(self.vision).rows(patches),
            audio=lambda samples: self._need(self.audio).rows(self._need(self.audio).mel(samples)),
            limits=self.vision.limits if self.vision else Limits(),
            eos=self._eos,
            dialect=dialect,
        )

    def embed(self, parts: Sequence[Part], dialect: str = "card") -> Array:
        """Return the unit-length embedding of an input."""
        pooled = self.text.pooled(self.spans(parts, dialect))
        return pooled / np.linalg.norm(pooled)

    @staticmethod
    def _need(tower: _Tower | None) -> _Tower:
        assert tower is not None, "the input needs a projector that was not given"
        return tower


def hf_patches(image: Image.Image, limits: Limits) -> Patches:
    """Return an image's patches as transformers' own Pillow-backed processor makes them."""
    size = {"shortest_edge": limits.image[0], "longest_edge": limits.image[1]}
    means = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    processor = Qwen2VLImageProcessorPil(size=size, patch_size=16, merge_size=2, temporal_patch_size=2, **means)
    # An array, with its layout named, since the processor takes an image of one or three columns for channels first.
    found = processor(np.asarray(image.convert("RGB")), input_data_format="channels_last", return_tensors="np")
    t, h, w = found["image_grid_thw"][0].tolist()
    return Patches(np.asarray(found["pixel_values"], np.float32), (t, h, w))


def _open(source: Path | Weights) -> Weights:
    return source if isinstance(source, Weights) else Weights(source)


def _block_state(weights: Weights, prefix: str, layers: str, names: dict[str, str]) -> dict[str, torch.Tensor]:
    state = {}
    for name in weights.names(f"{prefix}."):
        i, _, rest = name.removeprefix(f"{prefix}.").partition(".")
        stem, _, kind = rest.rpartition(".")
        state[f"{layers}.{i}.{names[stem]}.{kind}"] = torch.from_numpy(weights[name])
    return state


def _top_state(weights: Weights, names: dict[str, str]) -> dict[str, torch.Tensor]:
    pairs = [(f"{ours}.{kind}", f"{theirs}.{kind}") for ours, theirs in names.items() for kind in ("weight", "bias")]
    return {theirs: torch.from_numpy(weights[ours]) for ours, theirs in pairs}
