"""Seeds derived from named components."""

import hashlib
import json


def derive_seed(**components: str | int) -> int:
    """Derive a seed from what a random stream belongs to.

    A variant of the method is never a component: variants share their data order, their
    synthetic anomalies and their initial weights, so that what differs between them is the
    variant alone. Nor is an experiment: experiments share finished stages.

    Parameters
    ----------
    **components : str or int
        For instance ``category="bottle", stage="student", stream="data", seed=0``.

    Returns
    -------
    int
        In 0 .. 2**63 - 1, the same on every machine.

    Examples
    --------
    >>> derive_seed(category="bottle", seed=0) == derive_seed(seed=0, category="bottle")
    True
    >>> derive_seed(category="bottle", seed=0) == derive_seed(category="bottle", seed=1)
    False
    """
    text = json.dumps(components, sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
