"""Takes out of a SavedModel what TensorFlow draws at random when it saves, so that a script makes the same bytes again."""
import os
import re

_RANDOM = re.compile(rb"(?<=_temp_)[0-9a-f]{32}(?=/part)|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def make_repeatable(folder):
    """Numbers the random names in saved_model.pb, at the length they have, and drops fingerprint.pb, which hashes them."""
    path = os.path.join(folder, "saved_model.pb")
    with open(path, "rb") as file:
        model = file.read()
    numbers = {}

    def numbered(match):
        number = numbers.setdefault(match[0], len(numbers))
        return b"00000000-0000-0000-0000-%012x" % number if b"-" in match[0] else b"%032x" % number

    with open(path, "wb") as file:
        file.write(_RANDOM.sub(numbered, model))
    fingerprint = os.path.join(folder, "fingerprint.pb")
    if os.path.exists(fingerprint):
        os.remove(fingerprint)
