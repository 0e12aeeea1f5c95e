"""Refusals in the shape that Azure Resource Manager gives them."""

from collections.abc import Mapping
from http import HTTPStatus


class ArmError(Exception):
    """A request that is refused: `status` and the `{"error": {..}}` body that says why."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        *,
        message: str,
        details: tuple[tuple[str, str], ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.headers = dict(headers or {})

    def body(self) -> dict[str, object]:
        """The error document; `details` only where there are any."""
        error: dict[str, object] = {"code": self.code, "message": self.message}
        if self.details:
            error["details"] = [{"code": code, "message": text} for code, text in self.details]
        return {"error": error}


def invalid_parameter(message: str) -> ArmError:
    """400 for a body that Azure would not take."""
    return ArmError(HTTPStatus.BAD_REQUEST, "InvalidParameter", message=message)
