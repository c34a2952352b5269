"""What a tool of an MCP server answers, as content parts of the API."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from nbchat.wire.decode import without_surrogates

__all__ = ["Answer", "answer_of"]

# What models see and hear (the API's guides to images, audio and files), by MIME type.
_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
_SOUNDS = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/wave": "wav", "audio/mpeg": "mp3", "audio/mp3": "mp3"}
_FILES = frozenset({"application/pdf"})


@dataclass(frozen=True)
class Answer:
    """What a tool answered.

    Attributes:
        parts: It as content parts of the API: what a model gets.
        structured: The same as data, where the tool says it so, too; ``None`` where it does not.
    """

    parts: Sequence[dict[str, Any]]
    structured: Any = None

    @property
    def text(self) -> str:
        """All of its text."""
        return "\n".join(part["text"] for part in self.parts if part["type"] == "text")

    def _repr_llm_(self) -> list[dict[str, Any]] | str:
        return list(self.parts) or "(done; nothing was returned)"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        """Show its first picture, and its text where there is none."""
        shown: dict[str, Any] = {"text/plain": self.text}
        for part in self.parts:
            if part["type"] == "image_url":
                head, _, data = part["image_url"]["url"].partition(",")
                return {**shown, head.removeprefix("data:").removesuffix(";base64"): data}
        return shown

    def __str__(self) -> str:
        return self.text


def answer_of(result: CallToolResult) -> Answer:
    """Read a result. Whatever a model can't get is named in the text: nothing is left out in silence."""
    parts = [part for block in result.content for part in _parts(block)]
    structured = result.structured_content
    if not parts and structured is not None:
        parts = [_text(json.dumps(structured, ensure_ascii=False))]
    return Answer(parts, without_surrogates(structured))


def _parts(block: ContentBlock) -> Iterator[dict[str, Any]]:
    match block:
        case TextContent():
            yield _text(block.text)
        case ImageContent() | AudioContent():
            yield _media(block.data, block.mime_type, block.type)
        case ResourceLink():
            about = f": {block.description}" if block.description else ""
            yield _text(f"[resource {block.title or block.name} at {block.uri}{about}]")
        case EmbeddedResource(resource=TextResourceContents() as resource):
            yield _text(f"[resource {resource.uri}]\n{resource.text}")
        case EmbeddedResource(resource=BlobResourceContents() as resource):
            yield _media(resource.blob, resource.mime_type or "", f"resource {resource.uri}")


def _media(data: str, mime: str, what: str) -> dict[str, Any]:
    """Return data as the part that models take it as; a note where they take none such, or it is none."""
    mime = mime.partition(";")[0].strip().lower()
    try:
        size = len(base64.b64decode(data, validate=True))
    except (binascii.Error, ValueError):
        return _text(f"[{what}: its data can't be read]")
    if mime in _IMAGES:
        return {"type": "image_url", "image_url": {"url": f"data:{mime};base64,{data}"}}
    if mime in _SOUNDS:
        return {"type": "input_audio", "input_audio": {"data": data, "format": _SOUNDS[mime]}}
    if mime in _FILES:
        return {"type": "file", "file": {"filename": PurePath(what).name, "file_data": f"data:{mime};base64,{data}"}}
    return _text(f"[{what}: {size:,} bytes of {mime or 'an unknown kind'}, which a model can't be given]")


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": str(without_surrogates(text))}
