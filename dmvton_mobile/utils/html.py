"""Pages of HTML that need no other file: one frame, escaped values, pictures and charts inside.

A page is a Jinja2 template, `page.html` in its own package, that extends `frame.html` (blocks: head, title, style,
body). The frame's Content-Security-Policy forbids scripts and requests.
"""

import base64
import html
import io
import re

from PIL import Image

from dmvton_mobile.utils.optional_imports import optional_import


def render_page(package: str, *, extra: str, **values: object) -> str:
    """Renders a package's `page.html`; every value is escaped unless the template marks it as safe.

    Args:
        package: Name of the package, like `dmvton_mobile.evaluation`.
        extra: The extra of this project that brings Jinja2, for the error message.
        **values: Variables and functions of the template.

    Raises:
        NotInstalledError: Jinja2 is missing.
    """
    with optional_import("The page needs", extra=extra, package="Jinja2"):
        from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    loader = ChoiceLoader([PackageLoader(package, "."), PackageLoader("dmvton_mobile.utils", ".")])
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    return environment.get_template("page.html").render(**values)


def data_url(picture: Image.Image) -> str:
    """The picture as a PNG, for the `src` of an <img>."""
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"


def inline_svg(document: str, label: str) -> str:
    """The <svg> element of an SVG document, for use inside a page.

    It has no prologue, namespaces, identifiers of groups or style sheets, which would clash with the page's own.

    Args:
        document: A complete SVG file.
        label: What the chart shows, for readers who cannot see it.
    """
    found = re.search(r"<svg[^>]*?viewBox=\"([^\"]*)\"[^>]*>(.*)</svg>", document, re.DOTALL)
    assert found is not None
    body = re.sub(r"<(metadata|defs)>\s*(<style.*?</style>|<rdf.*?</rdf:RDF>)\s*</\1>", "", found[2], flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r">\s+<", "><", body.strip()).replace("\n", "")
    return f'<svg viewBox="{found[1]}" role="img" aria-label="{html.escape(label)}">{body}</svg>'
