"""ROSE from settings, and pictures from files and addresses."""

from pathlib import Path

from PIL import Image

from nest_builder.config import Settings
from nest_builder.images.decode import BadImageError, decode_rgb
from nest_builder.reasons import Reason
from nest_builder.web import Expect, PoliteClient


def read_image(source: str, settings: Settings, client: PoliteClient) -> Image.Image:
    """Read a picture as it is meant to be seen: upright, RGB, every pixel.

    Args:
        source: A file, or an address with http or https.
        settings: Bound bytes and pixels, and say whether opt-outs count.
        client: Fetches addresses.

    Raises:
        FileNotFoundError: There is no such file.
        BadImageError: It is no picture, a broken or too large one, or its publisher reserves such use.
        FetchError: The address gives nothing.
    """
    most = settings.web.max_image_bytes
    if source.startswith(("http://", "https://")):
        exchange = client.fetch(source, Expect.IMAGE, max_bytes=most)
        if exchange.consent.opt_out and settings.web.respect_opt_out:
            raise BadImageError(Reason.OPT_OUT, f"{source}: {exchange.consent.reason}")
        data = exchange.body
    else:
        path = Path(source)
        if not path.is_file():
            raise FileNotFoundError(f"no such file: {source}")
        if path.stat().st_size > most:
            raise BadImageError(Reason.TOO_LARGE, f"{source} has {path.stat().st_size} bytes, at most {most} are read")
        data = path.read_bytes()
    return decode_rgb(data, max_pixels=settings.images.max_pixels)
