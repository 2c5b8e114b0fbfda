"""What a run is: a frozen value.

Every field is a command-line flag of the same name; its docstring is the flag's help.
"""

import reprlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from jaxcnn.data import DataDir, read_fold, with_fold, with_labels
from jaxcnn.data.augment.augment import Augment
from jaxcnn.errors import UserError
from jaxcnn.ranges import ABOVE_0, NOT_NEGATIVE, SHARE, Range, at_most, up_to

# Beyond what anyone trains with: a recipe may be a stranger's, and memory is taken for it.
LARGEST_SIDE = 16_384  # Pixels.
LARGEST_BATCH = 2**20
MOST_WORKERS = 1024
MOST_MILESTONES = 1_000
DEEPEST_FIELD = 4  # Lists in lists.

# At 1 an average would be the first gradient for ever, over zero.
BETAS = Range("0 or more and below 1", lambda both: all(0 <= beta < 1 for beta in both))
MILESTONES = Range(
    f"at most {MOST_MILESTONES} fractions of the run, between 0 and 1",
    lambda fractions: len(fractions) <= MOST_MILESTONES and all(map(SHARE.holds, fractions)),
)


@dataclass(frozen=True)
class Optim:
    """The optimiser; weight decay is of kernels alone unless `decay` says otherwise."""

    name: Literal["sgd", "adamw", "rmsprop", "lamb", "lion", "muon"] = "sgd"
    """Optimiser; lamb's trust ratio is of what decays, as timm's."""
    lr: Annotated[float, ABOVE_0] = 0.1
    """Peak learning rate, for the batch size as it is."""
    adam_lr: Annotated[float, ABOVE_0] = 3e-4
    """Muon: peak rate of the AdamW that moves what is no matrix between hidden layers: the first
    and the last layer, depthwise kernels, norms, biases and embeddings."""
    fixed_norm: bool = False
    """Muon: before each step, bring each of its matrices to a norm of the root of its outputs, in
    place of weight decay; for those that a normalisation follows, whatever their length."""
    momentum: Annotated[float | None, SHARE] = None
    """Momentum; if not given, 0.9 of sgd and rmsprop, 0.95 of muon."""
    nesterov: bool = True
    """Sgd: Nesterov's momentum; not in torchvision's recipes."""
    betas: Annotated[tuple[float, float] | None, BETAS] = None
    """Decay of the averages of adamw, lamb (0.9 and 0.999 if not given) and lion (0.9, 0.99)."""
    eps: Annotated[float | None, ABOVE_0] = None
    """Added to the divisor; if not given, adamw 1e-8, lamb 1e-6, rmsprop 1e-3 (in the root)."""
    rmsprop_decay: Annotated[float, SHARE] = 0.9
    """Decay of rmsprop's average of squares; alpha in PyTorch."""
    weight_decay: Annotated[float, NOT_NEGATIVE] = 1e-4
    """L2 penalty added to the gradient for sgd and rmsprop, decoupled decay for the others."""
    decay: Literal["kernels", "all"] = "kernels"
    """What decays: kernels, or all parameters, as in torchvision's recipes."""
    layer_decay: Annotated[float | None, ABOVE_0, SHARE] = None
    """Rate of each layer over that of the next, the head's being the peak; to fine-tune with."""
    clip_norm: Annotated[float | None, ABOVE_0] = None
    """Scale the gradient down to this global norm; lamb to 1 if not given."""
    ema_decay: Annotated[float | None, SHARE] = None
    """Decay per step of an average of the weights and batch statistics, used in evaluation."""
    ema_warmup: bool = True
    """Let the decay grow to its value, being (1 + step) / (10 + step) where that is less: 0.9999
    takes effect after 90,000 steps."""
    swa_start: Annotated[float | None, SHARE] = None
    """Stochastic weight averaging: evaluate the mean of the weights at the ends of epochs from this
    share of the run on, 0.75 perhaps; for a rate that does not fall to zero
    (--schedule.name=constant, --schedule.min-lr)."""
    sam_rho: Annotated[float | None, ABOVE_0] = None
    """Sharpness-aware minimisation (SAM): take the gradient this far uphill of the weights, 0.05 in
    the paper; every step computes it twice, and takes twice the time."""
    momentum_dtype: Literal["float32", "bfloat16"] = "float32"
    """Type of the average of gradients that sgd, adamw, lion and muon keep; bfloat16 halves it."""
    accumulate_steps: Annotated[int, ABOVE_0] = 1
    """Compute each batch in so many parts, one after the other, to save memory."""


@dataclass(frozen=True)
class Schedule:
    """The learning rate over the run."""

    name: Literal["cosine", "linear", "step", "exponential", "constant"] = "cosine"
    """Shape after the warmup."""
    warmup_epochs: Annotated[float, NOT_NEGATIVE] = 0.0
    """Epochs of linear growth to the peak."""
    warmup_lr: Annotated[float, NOT_NEGATIVE] = 0.0
    """Rate at which the warmup starts."""
    warmup_prefix: bool = True
    """The shape begins after the warmup; if not, it began with the run, and the warmup takes the
    place of its start, as timm's cosine has it by default."""
    min_lr: Annotated[float, NOT_NEGATIVE] = 0.0
    """Cosine and linear: the rate at its end."""
    by_epoch: bool = False
    """The rate is that of the epoch's start, all epoch long, as timm and torchvision have it."""
    milestones: Annotated[tuple[float, ...], MILESTONES] = (0.5, 0.75)
    """Step: the fractions of the run at which the rate is multiplied by the factor; one that is
    there twice multiplies twice."""
    factor: Annotated[float, NOT_NEGATIVE] = 0.1
    """Step: what each milestone multiplies by. Exponential: final rate over peak rate."""


@dataclass(frozen=True)
class Model:
    """Of the network, beside its architecture."""

    drop_rate: Annotated[float | None, SHARE] = None
    """Dropout, where the architecture has it, of a transformer before its head; its own rate if not
    given, and so for the others."""
    pos_drop_rate: Annotated[float | None, SHARE] = None
    """Transformers: dropout after the embedding."""
    proj_drop_rate: Annotated[float | None, SHARE] = None
    """Transformers: dropout after the dense layers of blocks."""
    attn_drop_rate: Annotated[float | None, SHARE] = None
    """Transformers: dropout of the attention's softmax."""
    drop_path_rate: Annotated[float | None, SHARE] = None
    """Stochastic depth at the last block, where the architecture has it; its own if not given."""
    stem: Literal["imagenet", "small"] | None = None
    """First layers of a network for ImageNet; small, for thumbnails, leaves images their size."""
    patch: Annotated[int | None, ABOVE_0] = None
    """Side in pixels of the patches of ViT, Swin and ConvNeXt; 4 or 2 suits thumbnails."""
    window: Annotated[int | None, ABOVE_0] = None
    """Side in patches of Swin's windows; 4 goes with patches of 2 in 32 pixels."""
    remat: bool = False
    """Compute each block's activations again in the backward pass, which saves their memory."""
    pool: Literal["token", "mean", "gap"] | None = None
    """ViT: what the head reads: the class token, the patches' mean beside a token, or without."""
    positions: Literal["learned", "sincos"] | None = None
    """ViT: how positions are embedded; sincos: by fixed sines and cosines."""
    pre_logits: bool = False
    """ViT: a dense layer and tanh before the head."""
    fields: Mapping[str, Any] = field(default_factory=dict, hash=False)
    """Other fields of the architecture's module, by name, with plain values; see `with_model`.
    Raises UserError for functions, classes and objects."""

    def __post_init__(self) -> None:
        # In one order and of one type, wherever they come from: JSON has lists for tuples.
        fields = {name: _plain(name, self.fields[name]) for name in sorted(self.fields)}
        object.__setattr__(self, "fields", fields)


def _plain(name: str, value: Any, depth: int = 0) -> Any:
    """The value with tuples for lists. Raises UserError if it is not plain."""
    if isinstance(value, list | tuple) and depth < DEEPEST_FIELD:
        return tuple(_plain(name, item, depth + 1) for item in value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise UserError(
        f"model.fields: {reprlib.repr(name)} is {reprlib.repr(value)}, no plain value, nor a list "
        "of such: no recipe holds it; register a model that has it (jaxcnn.register_model)"
    )


@dataclass(frozen=True)
class Mesh:
    """Devices as a grid: batches are split over both axes, parameters over fsdp."""

    data: int = -1
    """Devices that hold copies of the parameters; -1 for all that are left."""
    fsdp: Annotated[int, ABOVE_0] = 1
    """Devices that share one copy of the parameters, optimiser state and averages."""


@dataclass(frozen=True)
class Recipe:
    """Everything needed to run a training again."""

    arch: str
    """Architecture: one of jaxcnn.list_models()."""
    dataset: str = "digits"
    """Data set; digits needs no download, tfds:NAME is any in the TFDS directory."""
    data_dir: str | None = None
    """TFDS directory ($JAXCNN_DATA_DIR, else TFDS's own default), or the image_folder."""
    labels: str | None = None
    """Classes of an image_folder's pictures: a CSV file with columns path, label, maybe split."""
    epochs: Annotated[int, ABOVE_0] = 10
    """Passes over the training set."""
    steps: Annotated[int | None, ABOVE_0] = None
    """Length of the run in optimiser steps, in place of epochs."""
    early_stopping: Annotated[int | None, ABOVE_0] = None
    """End the run after so many epochs in a row none of which was the best by validation."""
    fold: str | None = None
    """Validate on one of N parts of the training and validation images, the K-th by K/N, as 1/5,
    and train on the others; stratified, whole groups, drawn by the seed. Test images stay apart."""
    test: bool = True
    """Test at the end, once, with the best epoch by validation; if not, the test split is not even
    opened, and evaluate --split=test measures it when all is chosen."""
    recipe: str | None = None
    """Published recipe that gives the defaults, one of docs/imagenet.md; rsb_a2 for one."""
    loss: Literal["cross_entropy", "bce"] = "cross_entropy"
    """What training minimises; bce: each class yes or no."""
    bce_threshold: Annotated[float | None, SHARE] = None
    """Bce: share of the target above which a class is a full yes, and below it a no; 0.2 makes all
    labels of a mixture a yes. The shares themselves if not given."""
    batch_size: Annotated[int, ABOVE_0, at_most(LARGEST_BATCH)] = 128
    """Examples per step, over all devices."""
    image_size: Annotated[int, ABOVE_0, at_most(LARGEST_SIDE)] = 224
    """Height and width in pixels that images are brought to."""
    eval_image_size: Annotated[int | None, ABOVE_0, at_most(LARGEST_SIDE)] = None
    """The same in evaluation; image_size if not given."""
    eval_crop: Annotated[float | None, ABOVE_0, SHARE] = None
    """Photographs in evaluation: side of the central crop over the resized shorter side; what the
    pretrained weights ask for, or 0.875, if not given."""
    resize: Literal["interpolate", "pad", "crop"] = "interpolate"
    """How images come to image_size: stretched, padded, or (photographs) a part of them."""
    pretrained: str | None = None
    """Start from these weights: a .safetensors or .pth file, a run's folder, or hf:timm/NAME, with
    @REVISION (a branch, tag or commit) if not its main branch."""
    finetune: str = "full"
    """Which of the pretrained parameters learn: full; frozen-norms, all but batch normalisation;
    head; last-N, the head and the N layers before it; or a regular expression of names, as
    'layer4|layer3_5'. The others, and their batch statistics, stay as they are; the head always
    learns."""
    distill: str | None = None
    """Learn from a teacher's outputs too (knowledge distillation): a run's folder, a .safetensors
    or .pth file, or hf:timm/NAME, which sees the images as they are trained on."""
    distill_arch: str | None = None
    """The teacher's architecture, where the source does not say it, as a file does not."""
    distill_loss: Literal["soft", "hard"] = "soft"
    """Soft: the divergence of the teacher's probabilities from the network's, at a temperature
    (Hinton et al., 2015); hard: cross-entropy to the teacher's most probable class, as DeiT."""
    distill_temperature: Annotated[float | None, ABOVE_0] = None
    """Soft: both outputs are divided by it, and the loss multiplied by its square; 4 if not given,
    as Tian et al., 2020."""
    distill_weight: Annotated[float | None, SHARE] = None
    """Share of the teacher's loss, that of the labels being the rest; 0.9 of soft (Tian et al.,
    2020) and 0.5 of hard (DeiT) if not given."""
    sampling: Literal["shuffle", "balanced"] = "shuffle"
    """An epoch's examples: each once, or every class equally often, small classes repeated."""
    class_weights: Literal["none", "balanced", "effective"] = "none"
    """Weight of a class in the training loss: by inverse frequency, or effective number."""
    on_error: Literal["raise", "skip"] = "raise"
    """What a picture that cannot be read does: end the run, or be left out and listed; skip
    reads all pictures once before the run."""
    on_nan: Literal["stop", "skip", "rollback"] = "stop"
    """What a step whose loss or gradient is not finite does: end the run, be left out, or take the
    weights back to the last epoch's end, from where the run goes on with the batches that follow.
    """
    seed: Annotated[int, up_to(2**63 - 1)] = 0
    """Seed of initial weights, data order, augmentation and dropout."""
    eval_flip: bool = False
    """In evaluation and prediction, the outputs are the mean of those of an image and of its mirror
    image; refused where mirroring changes the label."""
    precision: Literal["float32", "tf32", "bfloat16"] = "float32"
    """Compute type; parameters, statistics and logits stay float32. tf32 is float32 but for the
    products of training on a GPU, which are TF32's."""
    deterministic: bool = False
    """On a GPU too, give the same bits each time, killed or not, at some speed; a CPU always does.
    """
    checkpoint_every_steps: Annotated[int, ABOVE_0] = 1000
    """Save so often within an epoch; each epoch's end is saved anyway."""
    log_every_steps: Annotated[int, ABOVE_0] = 50
    """Write a line of steps.jsonl so often: loss, learning rate, norms of gradient, update and
    parameters."""
    workers: Annotated[int | Literal["auto"], NOT_NEGATIVE, at_most(MOST_WORKERS)] = "auto"
    """Processes that prepare batches; 0 uses threads of this one, auto as many as help."""
    data_on_device: Literal["auto", "yes", "no"] = "auto"
    """Whether a small training set is decoded once and its batches are made on the devices, many
    steps at a time; auto: where it fits and steps are short. The batches are the same."""
    parallel: Literal["jit", "pmap"] = "jit"
    """How the training step is compiled for many devices: one program over the mesh, or with
    jax.pmap a copy for each; the result is the same."""
    optim: Optim = field(default_factory=Optim)
    schedule: Schedule = field(default_factory=Schedule)
    augment: Augment = field(default_factory=Augment)
    model: Model = field(default_factory=Model)
    mesh: Mesh = field(default_factory=Mesh)


# Where a run happens, not what it computes: a run may go on with others of these. And with another
# `on_nan`: up to where a run stopped for lack of one, all compute the same.
PLACE_FIELDS = (
    "data_dir",
    "labels",
    "workers",
    "data_on_device",
    "parallel",
    "mesh",
    "checkpoint_every_steps",
    "log_every_steps",
    "on_nan",
)


def data_place(recipe: Recipe) -> DataDir:
    """Where a recipe's data is, for `dataset_at` and `load_split`. Raises UserError for labels of a
    set that knows its own, and for what is no fold."""
    place = with_labels(recipe.dataset, recipe.data_dir, recipe.labels)
    return with_fold(place, None if recipe.fold is None else read_fold(recipe.fold, recipe.seed))


def momentum_of(optim: Optim) -> float:
    """The momentum that counts, given or not; Muon's is its author's,
    https://github.com/KellerJordan/Muon at 857d1adc."""
    if optim.momentum is not None:
        return optim.momentum
    return 0.95 if optim.name == "muon" else 0.9


def compute_dtype(recipe: Recipe) -> str:
    """The name of the type that the model computes in."""
    return "float32" if recipe.precision == "tf32" else recipe.precision
