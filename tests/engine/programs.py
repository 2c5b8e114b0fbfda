"""Programs to test."""

from jaxcnn.engine.feed import Feed
from jaxcnn.engine.program import Program, build


def program_of(feed: Feed) -> Program:
    """That of a feed's recipe, as `fit` builds it."""
    return build(
        feed.recipe,
        feed.spec,
        steps_per_epoch=feed.steps_per_epoch,
        total_steps=feed.total_steps,
        resident=feed.resident,
    )
