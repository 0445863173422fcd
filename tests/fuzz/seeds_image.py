#!/usr/bin/env python3
"""Makes the fuzz seeds of encoded images under tests/fuzz/corpus/image/: small sound ones, by Pillow."""

import io
import pathlib
import random
import shutil

from PIL import Image

CORPUS = pathlib.Path(__file__).parent / "corpus" / "image"


def encoded(image, **options):
    out = io.BytesIO()
    image.save(out, **options)
    return out.getvalue()


def main():
    chance = random.Random(1)
    color = Image.frombytes("RGB", (19, 13), bytes(chance.randrange(256) for _ in range(19 * 13 * 3)))
    smooth = Image.linear_gradient("L").resize((24, 17))
    frames = [color.quantize(8), color.rotate(90).quantize(8), smooth.quantize(4)]
    seeds = {
        "jpeg": (0x40, encoded(color, format="JPEG", quality=60)),
        "jpeg_grey": (0x44, encoded(smooth, format="JPEG", quality=90)),
        "jpeg_progressive": (0xd0, encoded(color, format="JPEG", progressive=True)),
        "jpeg_cmyk": (0x48, encoded(color.convert("CMYK"), format="JPEG")),
        "jpeg_crop": (0x4c, encoded(color, format="JPEG", subsampling=0)),
        "jpeg_restart": (0x40, encoded(color, format="JPEG", restart_marker_blocks=1)),
        "png": (0x01, encoded(color, format="PNG")),
        "png_wide": (0x1d, encoded(Image.new("I;16", (5, 4), 300), format="PNG")),
        "png_palette": (0x11, encoded(frames[0], format="PNG", bits=4, transparency=1)),
        "png_grey_alpha": (0x09, encoded(smooth.convert("LA"), format="PNG")),
        "png_bits": (0x05, encoded(smooth.convert("1"), format="PNG")),
        "gif": (0x02, encoded(frames[0], format="GIF")),
        "gif_frames": (0x02, encoded(frames[0], format="GIF", save_all=True, append_images=frames[1:], interlace=1, transparency=2)),
        "bmp": (0x03, encoded(color, format="BMP")),
        "bmp_alpha": (0x0f, encoded(color.convert("RGBA"), format="BMP")),
    }
    shutil.rmtree(CORPUS, ignore_errors=True)
    CORPUS.mkdir(parents=True)
    for name, (how, data) in seeds.items():
        (CORPUS / name).write_bytes(bytes([how]) + data)


main()
