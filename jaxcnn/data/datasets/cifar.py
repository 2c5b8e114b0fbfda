"""CIFAR: 50,000 and 10,000 colour photographs, 32x32, in 10 or 100 classes.

Krizhevsky, 2009, https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf.
"""

from functools import partial

from jaxcnn.data.spec import DataDir, DatasetSpec, Source

PAPER = "https://www.cs.toronto.edu/~kriz/learning-features-2009-TR.pdf"

CIFAR10_CLASSES = "airplane automobile bird cat deer dog frog horse ship truck"

CIFAR100_CLASSES = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
    camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile
    cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp
    lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom
    oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
    possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake
    spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
    train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""


def _load(name: str, split: str, data_dir: DataDir = None) -> Source:
    from jaxcnn.data.sources.tfds import load_images

    return load_images(name, split, data_dir, image_size=32, channels=3)


DATASETS = {
    "cifar10": DatasetSpec(
        name="cifar10",
        num_classes=10,
        image_size=32,
        channels=3,
        # As widely published for the original PNGs; a JPEG copy's std is up to 0.002 lower.
        mean=(0.4914, 0.4822, 0.4465),
        std=(0.2470, 0.2435, 0.2616),
        flip=True,
        class_names=tuple(CIFAR10_CLASSES.split()),
        load=partial(_load, "cifar10"),
        num_train=50_000,
        paper=PAPER,
    ),
    "cifar100": DatasetSpec(
        name="cifar100",
        num_classes=100,
        image_size=32,
        channels=3,
        # As published with https://github.com/weiaicunzai/pytorch-cifar100.
        mean=(0.5071, 0.4865, 0.4409),
        std=(0.2673, 0.2564, 0.2762),
        flip=True,
        class_names=tuple(CIFAR100_CLASSES.split()),
        load=partial(_load, "cifar100"),
        num_train=50_000,
        paper=PAPER,
    ),
}
