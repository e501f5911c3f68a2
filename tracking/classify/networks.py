"""Whose network an address lies in."""


class Networks:
    """Lists of networks of which something is known."""


def load() -> Networks:
    """Return the built-in lists together with those in settings.TRACKING_NETWORKS."""
    return Networks()
