"""The Chromium that tests and benchmarks start, and its flags."""

from tools.browser import find

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
)


def executable() -> str:
    """Return the path of the browser that `make browser` found or installed."""
    found = find()
    if found is None:
        raise RuntimeError("There is no Chromium. Run 'make browser', which installs one.")
    return str(found)
