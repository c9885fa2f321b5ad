"""A causal language model that writes plans: what the worker process of :mod:`.causal` runs.

The model is asked only where the schema leaves a choice (:mod:`.token_mask`), and its head is computed only
for the tokens that may follow. The part of the prompt that is the same for every sentence is read once; its
keys and values are copied for each sentence.
"""

from __future__ import annotations

import copy
import json
import math
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from metaagent_ros.instructions import adapter, pretrained, prompt
from metaagent_ros.instructions.scripts import readable
from metaagent_ros.instructions.token_mask import PlanMask

MAX_TOKENS = 400  # of an answer; three steps take some 200
_PROBES = ("a", "机")  # two sentences that begin differently


class _Head(nn.Module):
    """The model's head for some rows of its vocabulary."""

    def __init__(self, head: nn.Linear) -> None:
        super().__init__()
        self.head = head
        self.rows: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.rows is None:
            return self.head(x)  # type: ignore[no-any-return]
        bias = None if self.head.bias is None else self.head.bias[self.rows]
        return nn.functional.linear(x, self.head.weight[self.rows], bias)


class CausalModel:
    """Model, tokenizer and prompt; calling it with a sentence gives ``{"plan": JSON, "confidence": 0..1}``.

    ``adapter_folder`` holds our own LoRA; its card says with which short prompt it was trained. Without one
    the prompt is :func:`.prompt.messages`: a task and examples. ``hub`` allows to look for the name there.
    """

    def __init__(self, name: str, adapter_folder: Path | None = None, hub: bool = False) -> None:
        lora = None if adapter_folder is None else adapter.read(adapter_folder)
        self.tokenizer, self.model = pretrained.load(name, hub)
        self.model.eval().requires_grad_(False)
        if lora is not None:
            lora.merge(self.model)
        self._template = None if lora is None else str(lora.card["template"])
        head = self.model.get_output_embeddings()
        self._mask = PlanMask(self.tokenizer, head.weight.shape[0])
        self._head = _Head(head)
        self.model.set_output_embeddings(self._head)
        self._special = [t.content for t in self.tokenizer.added_tokens_decoder.values() if t.content.strip()]
        self._prefix: list[int] = []
        self._cache: Any = None
        self._read_prefix()

    def __call__(self, text: str) -> dict[str, Any]:
        """The plan as JSON text, and the probability of all its choices together."""
        plan, likelihood = self.write(self.prompt(text))
        return {"plan": plan, "confidence": min(1.0, math.exp(likelihood))}

    def prompt(self, text: str) -> list[int]:
        """The tokens before the answer. The sentence is one line and cannot hold a control token."""
        text = self._plain(text)
        if self._template is not None:
            return list(self.tokenizer(self._template.replace("{text}", text)).input_ids)
        said = [dict(m, content=_compact(m["content"])) for m in prompt.messages(text)]
        if self.tokenizer.chat_template is None:
            return list(self.tokenizer(_as_text(said)).input_ids)
        return self._chat(said)

    def _plain(self, text: str) -> str:
        text = " ".join(readable(text).split())
        while any(token in text for token in self._special):
            for token in self._special:
                text = text.replace(token, "")
        return text

    def _chat(self, said: list[dict[str, str]]) -> list[int]:
        from jinja2 import TemplateError

        options: dict[str, Any] = {"tokenize": False, "add_generation_prompt": True, "enable_thinking": False}
        try:
            text = self.tokenizer.apply_chat_template(said, **options)
        except TemplateError:  # such as Gemma's: it knows no system role
            first = {"role": "user", "content": f"{said[0]['content']}\n\n{said[1]['content']}"}
            text = self.tokenizer.apply_chat_template([first, *said[2:]], **options)
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)

    def _read_prefix(self) -> None:
        one, other = (self.prompt(probe) for probe in _PROBES)
        same = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
        if same > 1:
            self._prefix = one[:same]
            self._cache = self._forward(self._prefix, None).past_key_values

    @torch.inference_mode()
    def _forward(self, tokens: list[int], cache: Any) -> Any:
        return self.model(
            input_ids=torch.tensor([tokens]), past_key_values=cache, use_cache=True, logits_to_keep=1
        )

    def write(self, tokens: list[int], cached: bool = True) -> tuple[str, float]:
        """The likeliest plan after these tokens, choice by choice, and the logarithm of its probability.

        ``cached`` makes use of the prefix that was read before, which changes the speed only.
        """
        start, cache = len(self._prefix), None
        if cached and self._cache is not None and tokens[:start] == self._prefix and len(tokens) > start:
            cache, tokens = copy.deepcopy(self._cache), tokens[start:]
        walk, written, likelihood = self._mask.walk(), list[int](), 0.0
        unread = list(tokens)
        while not walk.done:
            if len(written) > MAX_TOKENS:
                raise ValueError(f"the answer has more than {MAX_TOKENS} tokens")
            forced = walk.forced()
            if not forced:
                choices = torch.from_numpy(walk.choices())
                self._head.rows = choices
                out = self._forward(unread, cache)
                cache, unread = out.past_key_values, []
                chance, best = out.logits[0, -1].float().log_softmax(-1).max(-1)
                likelihood += float(chance)
                forced = [int(choices[best])]
                walk.take(forced[0])
            written += forced
            unread += forced
        return self._mask.tokens.decode_str(written), likelihood


def _compact(content: str) -> str:
    """An example's plan as the mask wants it written; any other text as it is."""
    try:
        return json.dumps(json.loads(content), ensure_ascii=False, separators=(",", ":"))
    except ValueError:
        return content


def _as_text(said: list[dict[str, str]]) -> str:
    """The conversation for a model that knows no roles."""
    heads = {"system": "", "user": "\n\nSentence: ", "assistant": "\nPlan: "}
    return "".join(heads[m["role"]] + m["content"] for m in said) + "\nPlan: "
