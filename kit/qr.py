"""QR codes of addresses."""

import io

import segno

_MARGIN = 4  # modules of white around it, as the standard wants


def svg(text: str) -> bytes:
    """As an SVG picture that is scaled at will, black on white so that it scans in the dark, too."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", border=_MARGIN, scale=8, dark="#000", light="#fff", xmldecl=False, svgns=True, nl=False
    )
    return out.getvalue()


def png(text: str) -> bytes:
    """As a PNG picture, some 400 pixels wide."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(out, kind="png", border=_MARGIN, scale=10)
    return out.getvalue()
