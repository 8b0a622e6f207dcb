"""The speed that the method's public research code was reported to have, for comparison."""

from typing import NamedTuple


class PublishedSpeed(NamedTuple):
    """Networks a second on two cores, 2-32-32-1 SIRENs; a range where several figures were reported."""

    preset: str
    mode: str
    lowest: float
    highest: float


PUBLISHED = (
    PublishedSpeed("ng-gnn", "training", 12.0, 12.0),
    PublishedSpeed("ng-gnn", "inference", 20.0, 55.0),
    PublishedSpeed("ng-t", "training", 3.5, 3.5),
    PublishedSpeed("ng-t", "inference", 13.0, 13.0),
)
