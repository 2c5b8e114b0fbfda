"""Losses of logits against soft targets, one value per example."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax

LossFn = Callable[[jax.Array, jax.Array], jax.Array]

# What an auxiliary classifier's loss counts in training, where the network's own counts 1
# (Szegedy et al., 2015, section 5, https://arxiv.org/abs/1409.4842).
AUX_WEIGHT = 0.3


def cross_entropy(label_smoothing: float = 0.0, class_weights: np.ndarray | None = None) -> LossFn:
    """`loss(logits [N, K], targets [N, K]) -> [N]`, targets being probabilities.

    Label smoothing gives every class label_smoothing / K of the target
    (Szegedy et al., 2016, section 7, https://arxiv.org/abs/1512.00567). Targets may be mixtures
    of labels already: smoothing is linear in them.

    With `class_weights`, float [K], what a class contributes is multiplied by its weight, its part
    of the smoothing too, as PyTorch's CrossEntropyLoss has it before it averages; see
    `make_train_step` for that.
    """
    weights = 1.0 if class_weights is None else jnp.asarray(class_weights, jnp.float32)

    def loss(logits: jax.Array, targets: jax.Array) -> jax.Array:
        smooth = optax.smooth_labels(targets, label_smoothing)
        return optax.softmax_cross_entropy(logits, weights * smooth)

    return loss


def soft_distillation(temperature: float) -> LossFn:
    """`loss(logits [N, K], teacher's logits [N, K]) -> [N]`: temperature^2 KL(teacher | student).

    Both are softmaxes of logits over the temperature; by its square the gradient stays as large as
    that of the labels, whatever the temperature (Hinton et al., 2015, section 2.1,
    https://arxiv.org/abs/1503.02531; as a divergence, whose gradient is that of their
    cross-entropy, in DeiT, equation 2, https://arxiv.org/abs/2012.12877).
    """

    def loss(logits: jax.Array, teacher: jax.Array) -> jax.Array:
        targets = jax.nn.log_softmax(teacher / temperature)
        ours = jax.nn.log_softmax(logits / temperature)
        return temperature**2 * optax.losses.kl_divergence_with_log_targets(ours, targets)

    return loss


def hard_distillation(logits: jax.Array, teacher: jax.Array) -> jax.Array:
    """`loss(logits [N, K], teacher's logits [N, K]) -> [N]`: cross-entropy to its first class.

    Touvron et al., 2021, equation 3, https://arxiv.org/abs/2012.12877.
    """
    return optax.softmax_cross_entropy_with_integer_labels(logits, teacher.argmax(-1))


def sigmoid_cross_entropy(label_smoothing: float = 0.0) -> LossFn:
    """`loss(logits [N, K], targets [N, K]) -> [N]`, each class yes or no; summed over classes.

    The sum, as Ridnik et al., 2021 (https://arxiv.org/abs/2009.14119) have it: what a class
    contributes does not depend on how many there are. PyTorch's MultiLabelSoftMarginLoss is this
    divided by K. Label smoothing takes a target's yes or no for one of two classes: 1 becomes
    1 - label_smoothing / 2, and 0 label_smoothing / 2.
    """

    def loss(logits: jax.Array, targets: jax.Array) -> jax.Array:
        smooth = (1 - label_smoothing) * targets + label_smoothing / 2
        return optax.sigmoid_binary_cross_entropy(logits, smooth).sum(-1)

    return loss


def binary_cross_entropy(label_smoothing: float = 0.0, threshold: float | None = None) -> LossFn:
    """`loss(logits [N, K], targets [N, K]) -> [N]`, each class yes or no; the mean over classes.

    Label smoothing gives every class label_smoothing / K, taken from the yes. After it, with a
    threshold, every share above that is a full yes and every other a no, as timm's
    `BinaryCrossEntropy` has both; "ResNet strikes back" takes all labels of a mixture for a yes
    (Wightman et al., 2021, section 3, https://arxiv.org/abs/2110.00476).
    """

    def loss(logits: jax.Array, targets: jax.Array) -> jax.Array:
        wanted = optax.smooth_labels(targets, label_smoothing)
        if threshold is not None:
            wanted = (wanted > threshold).astype(logits.dtype)
        return optax.sigmoid_binary_cross_entropy(logits, wanted).mean(-1)

    return loss
