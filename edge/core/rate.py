"""How much is let through: a bucket of tokens that fills with time. Pure."""

from __future__ import annotations

from msgspec import Struct


class Bucket(Struct, frozen=True, kw_only=True):
    """Tokens for what may come at once and how fast they come back. Instants are monotonic nanoseconds."""

    size: float
    per_s: float
    tokens: float
    at_ns: int

    @staticmethod
    def full(size: float, per_s: float, at_ns: int) -> Bucket:
        """A bucket that has waited long enough."""
        return Bucket(size=size, per_s=per_s, tokens=size, at_ns=at_ns)

    def take(self, at_ns: int) -> tuple[bool, Bucket]:
        """Whether one more is let through, and the bucket after that."""
        come_back = (at_ns - self.at_ns) / 1e9 * self.per_s
        tokens = min(self.size, self.tokens + come_back)
        is_let = tokens >= 1
        left = tokens - 1 if is_let else tokens
        return is_let, Bucket(size=self.size, per_s=self.per_s, tokens=left, at_ns=at_ns)
