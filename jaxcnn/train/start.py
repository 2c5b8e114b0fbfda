"""How a run begins: with its latest checkpoint, or fresh, and its training step compiled."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from jaxcnn.engine.feed import Feed
from jaxcnn.engine.mesh import place
from jaxcnn.engine.optim import scheduled_at
from jaxcnn.engine.program import Program
from jaxcnn.engine.state import TrainState
from jaxcnn.recipe import Recipe
from jaxcnn.run.checkpoint import Checkpoints
from jaxcnn.run.folder import RunFolder
from jaxcnn.run.pretrained import Pretrained, head_note, read_pretrained, start_from
from jaxcnn.run.progress import Progress
from jaxcnn.text.phrases import first_few
from jaxcnn.train.display import Display
from jaxcnn.train.little_seen import little_seen
from jaxcnn.train.result import import_beside
from jaxcnn.train.supply import Supply
from jaxcnn.xla.garbage import garbage_collected_seldom
from jaxcnn.xla.gpu import on_gpu

# To fine-tune on: of 80, twenty of each of four classes, docs/runs.md has what was measured.
FEW_IMAGES = 500
# As many as airbench takes, https://arxiv.org/abs/2404.00498.
IMAGES_TO_BEGIN_WITH = 5_000


@dataclass(frozen=True)
class Start:
    """`pretrained` are the recipe's weights, where they were read already; `compiled` is called
    when something was compiled."""

    recipe: Recipe
    folder: RunFolder
    feed: Feed
    program: Program
    supply: Supply
    checkpoints: Checkpoints
    display: Display
    pretrained: Pretrained | None
    compiled: Callable[[], None]

    def begin(self) -> tuple[TrainState, Progress]:
        """State and progress to begin with, and the training step compiled."""
        self.checkpoints.drop_damaged(self.display.say)
        self._introduce()
        step = self.checkpoints.latest_step() or 0
        if step == self.feed.total_steps:
            return self._resumed()
        self._say_how_fed()
        if self.folder.writes and self.recipe.test:
            import_beside()
        # Beside the state's own program: its compilation leaves Python to the tracing of the step.
        with garbage_collected_seldom(), ThreadPoolExecutor(2) as beside:
            resumed = beside.submit(self._resumed)
            if self.feed.resident is not None:
                # What it raises, the loop meets again, and knows what to do about.
                beside.submit(lambda: self.supply.stored)
            self.display.phase("tracing the training step")
            lowered = self.program.lower_train(self.feed.stages.size_at(step))
            self.display.phase("compiling the training step")
            lowered.compile()
            self.compiled()
            return resumed.result()

    def fresh_state(self) -> TrainState:
        """Step 0: drawn for the recipe's seed, or the pretrained weights."""
        return fresh_state(self.recipe, self.feed, self.program, self.pretrained, self.display.say)

    def state_of(self, origin: int, *, at_step: int) -> TrainState:
        """The weights of step `origin`, of a checkpoint or 0, in a state that goes on `at_step`."""
        if origin > 0:
            state, _ = self.checkpoints.restore(origin, self.program.state_like)
        else:
            state = self.fresh_state()
        here = np.int32(at_step)
        state = state.replace(step=here, opt_state=scheduled_at(state.opt_state, here))
        # Each count gets an array of its own: a buffer cannot be donated twice.
        return jax.tree.map(
            lambda leaf, like: jax.device_put(leaf, like.sharding), state, self.program.state_like
        )

    def _resumed(self) -> tuple[TrainState, Progress]:
        latest = self.checkpoints.latest_step()
        if latest is not None:
            self.display.say(f"going on from step {latest} in {self.folder.path}")
            return self.checkpoints.restore(latest, self.program.state_like)
        self.display.phase("initialising")
        return self.fresh_state(), Progress()

    def _introduce(self) -> None:
        feed, recipe, say = self.feed, self.recipe, self.display.say
        if on_gpu(self.program.rows.device_set) and not recipe.deterministic:
            say(
                "not reproducible to the bit on a GPU; --deterministic is, and costs some speed "
                "(docs/gpu.md)"
            )
        names = first_few(feed.spec.class_names)
        say(
            f"{recipe.arch} on {recipe.dataset}: {feed.spec.num_classes:,} classes"
            f"{f' ({names})' if names else ''}, {self.program.num_params:,} parameters, "
            f"{len(feed.train):,} training and {len(feed.val):,} validation images, "
            f"{feed.total_steps:,} steps of {recipe.batch_size} images at "
            f"{recipe.image_size}x{recipe.image_size}, {jax.default_backend()} "
            f"x {self.program.rows.mesh.size}"
        )
        if recipe.finetune != "full":
            learn = self.program.num_trained
            say(f"--finetune={recipe.finetune}: {learn:,} of the parameters learn")
        elif recipe.pretrained is not None and len(feed.train) < FEW_IMAGES:
            say(
                "all parameters learn, from few images: --finetune=frozen-norms, last-1 or head "
                "may do better (docs/runs.md)"
            )
        for note in feed.spec.all_notes:
            say(note)
        own = feed.given.model is not None
        if not own and (line := little_seen(recipe, feed.spec, self.program)) is not None:
            say(line)

    def _say_how_fed(self) -> None:
        if self.feed.resident is not None:
            images = self.program.train_like["stored"]["image"]
            self.display.say(
                f"the training set lies on the device{'s' * (self.program.rows.mesh.size > 1)}, "
                f"{images.size / 1e6:,.3g} MB; up to {self.feed.steps_at_once} steps at a time"
            )
            return
        measured = ""
        if self.recipe.workers == "auto":
            milliseconds = 1e3 * self.feed.seconds_an_image
            measured = f": preparing an image takes a core {milliseconds:.3g} ms"
        self.display.say(f"{self.feed.hands}{measured}")


def fresh_state(
    recipe: Recipe,
    feed: Feed,
    program: Program,
    pretrained: Pretrained | None,
    say: Callable[[str], object],
) -> TrainState:
    """Step 0: drawn for the recipe's seed, or its pretrained weights, read now if not given."""
    state = program.init_state()
    if recipe.pretrained is None:
        return _from_images(recipe, feed, state)
    # Read already, unless there seemed to be a checkpoint to go on from.
    pretrained = pretrained or read_pretrained(recipe.arch, recipe.pretrained, feed.given)
    state, kept = start_from(state, pretrained)
    say(f"starting from {pretrained.origin}")
    for note in pretrained.notes:
        say(note)
    if kept:
        say(head_note(kept, pretrained, feed.spec.num_classes))
    return state


def _from_images(recipe: Recipe, feed: Feed, state: TrainState) -> TrainState:
    """The fresh state as training images would have it, where the model asks them."""
    stats_of = feed.given.model_of(recipe).stats_of_images
    if stats_of is None:
        return state
    old = state.batch_stats
    new = stats_of(old, feed.first_images(IMAGES_TO_BEGIN_WITH))
    stats = jax.tree.map(lambda n, o: n if n is o else place(n, o.sharding), new, old)
    if state.ema_batch_stats is None:
        return state.replace(batch_stats=stats)
    return state.replace(batch_stats=stats, ema_batch_stats=jax.tree.map(jnp.copy, stats))
