"""What a completion costs, from the price lists that genai-prices keeps."""

from __future__ import annotations

from typing import Any

from nbchat.client.endpoint import Endpoint
from nbchat.wire.messages import Usage
from nbchat.wire.values import Value

__all__ = ["price"]


def _count(tokens: Any) -> int:
    return tokens if isinstance(tokens, int) else 0


def price(usage: Usage | None, model: str, endpoint: Endpoint) -> float | None:
    """Return what a request cost, in US dollars.

    Args:
        usage: The tokens as the server counted them.
        model: The model as the server names it.
        endpoint: The server: the same name may cost something else elsewhere.

    Returns:
        The price; 0 for the embedded model; ``None`` where the tokens or the price are not known.
    """
    if endpoint.embedded:
        return 0.0
    if usage is None:
        return None
    # Some hundred milliseconds and many megabytes of price lists, for those only who ask.
    import genai_prices

    details = usage.prompt_tokens_details
    try:
        tokens = genai_prices.Usage(
            input_tokens=_count(usage.prompt_tokens),
            cache_read_tokens=_count(details.get("cached_tokens")) if isinstance(details, Value) else 0,
            output_tokens=_count(usage.completion_tokens),
        )
        return float(genai_prices.calc_price(tokens, model, provider_api_url=endpoint.base_url).total_price)
    except (LookupError, ValueError):  # no such provider or model in the lists; tokens that make no sense
        return None
