"""Interactive API documentation that works without internet: its assets come from a package."""

from importlib.resources import files

from fastapi import APIRouter, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import RedirectResponse

_ASSETS = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "favicon-32x32.png": "image/png",
}


def docs_router(title: str) -> APIRouter:
    """Return the page ``/docs`` and its assets; they are not part of the contract."""
    router = APIRouter(include_in_schema=False)
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title=title,
        swagger_js_url="docs/swagger-ui-bundle.js",
        swagger_css_url="docs/swagger-ui.css",
        swagger_favicon_url="docs/favicon-32x32.png",
        swagger_ui_parameters={"displayRequestDuration": True, "persistAuthorization": False},
    )

    @router.get("/")
    async def show_way() -> Response:
        """Lead whoever opens the service in a browser to its documentation."""
        return RedirectResponse("/docs")

    @router.get("/docs")
    async def show_docs() -> Response:
        """Show the interactive documentation."""
        return page

    @router.get("/docs/{name}")
    async def show_asset(name: str) -> Response:
        """Serve one asset of the page."""
        media_type = _ASSETS.get(name)
        if media_type is None:
            return Response(status_code=404)
        content = files("fastapi_swagger").joinpath("resources", name).read_bytes()
        return Response(content, media_type=media_type, headers={"Cache-Control": "public, max-age=86400"})

    return router
