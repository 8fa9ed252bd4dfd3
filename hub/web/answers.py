"""How refusals and faults are answered, and the headers that every answer carries."""

from __future__ import annotations

import logging
from typing import Any

from litestar import MediaType, Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.types import ExceptionHandlersMap, Message, Scope

from hub.errors import HubError
from hub.media import IngestError
from hub.web import refusals

log = logging.getLogger(__name__)

SECURITY_HEADERS = (
    (b"content-security-policy", b"default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
)  # fmt: skip

AnyRequest = Request[Any, Any, Any]


async def add_security_headers(message: Message, _: Scope) -> None:
    """Puts them on every answer, errors too."""
    if message["type"] == "http.response.start":
        message["headers"] = [*message["headers"], *SECURITY_HEADERS]


def error_answer(status: int, code: str, message_vi: str, message_en: str) -> Response[Any]:
    """An error as the API says it."""
    return Response(
        {"error": code, "message_vi": message_vi, "message_en": message_en},
        status_code=status,
        media_type=MediaType.JSON,
    )


def _hub_error(_: AnyRequest, error: HubError) -> Response[Any]:
    return error_answer(error.http_status, error.code, error.message_vi, error.message_en)


def _ingest_error(_: AnyRequest, error: IngestError) -> Response[Any]:
    statuses = {"too_large": 413, "no_tool": 500, "not_stored": 507}
    status = statuses.get(error.code, 422)
    return error_answer(status, error.code, error.message_vi, error.message_en)


def _invalid(request: AnyRequest, error: ValidationException) -> Response[Any]:
    extra = error.extra if isinstance(error.extra, list) else []
    details = [_detail(one) for one in extra if isinstance(one, dict)]
    return _hub_error(request, refusals.bad_request("; ".join(details) or error.detail))


def _detail(one: dict[str, Any]) -> str:
    return ": ".join(str(one[key]) for key in ("key", "message") if one.get(key))


def _http_error(_: AnyRequest, error: HTTPException) -> Response[Any]:
    match error.status_code:
        case 404:
            return error_answer(404, "not_found", "Không có trang này.", "There is no such page.")
        case 405:
            return error_answer(405, "method", "Không làm được việc này ở đây.", error.detail)
        case 413:
            return error_answer(413, "too_large", "Dữ liệu gửi lên quá lớn.", error.detail)
        case status:
            return error_answer(status, "http_error", f"Lỗi: {error.detail}", error.detail)


def _fault(request: AnyRequest, error: Exception) -> Response[Any]:
    log.error("fault in %s %s", request.method, request.url.path, exc_info=error)
    return error_answer(
        500,
        "fault",
        "Máy chủ gặp lỗi. Hãy thử lại; nếu vẫn lỗi hãy báo kỹ thuật viên.",
        "The hub met a fault. Try again; if it stays, tell the technician.",
    )


def exception_handlers() -> ExceptionHandlersMap:
    """Which error is answered how."""
    return {
        HubError: _hub_error,
        IngestError: _ingest_error,
        ValidationException: _invalid,
        HTTPException: _http_error,
        Exception: _fault,
    }
