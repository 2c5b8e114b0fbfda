"""Torch networks, written from the papers, that neither timm nor torchvision has."""

from collections import OrderedDict

import torch
import torchvision
from torch import nn
from torch.nn import functional


class Flatten(nn.Module):
    """[N, C, H, W] -> [N, HWC]: pixels first, so that dense weights mean the same as in NHWC."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


# --- LeCun et al., 1998, sections III.C.1 and III.C.5: the baselines ---


def _perceptron(hidden, num_classes):
    model, inputs = nn.Sequential(OrderedDict(flatten=Flatten())), 28 * 28
    for number, width in enumerate(hidden, start=1):
        model.add_module(f"hidden{number}", nn.Linear(inputs, width))
        model.add_module(f"relu{number}", nn.ReLU())
        inputs = width
    model.add_module("head", nn.Linear(inputs, num_classes))
    return model


def linear(num_classes=10):
    return _perceptron((), num_classes)


def mlp(num_classes=10):
    return _perceptron((300, 100), num_classes)


# --- LeCun et al., 1998, section II.B and appendix A; LeCun et al., 1989 ---


class ScaledTanh(nn.Module):
    def forward(self, x):
        return 1.7159 * torch.tanh(2 / 3 * x)


def _lenet(conv1, conv2, between, maps, num_classes):
    """`between`: what each convolution is followed by."""
    return nn.Sequential(
        OrderedDict(
            conv1=conv1,
            after1=between(),
            conv2=conv2,
            after2=between(),
            flatten=Flatten(),
            dense1=nn.Linear(maps * 5 * 5, 120),
            tanh1=ScaledTanh(),
            dense2=nn.Linear(120, 84),
            tanh2=ScaledTanh(),
            head=nn.Linear(84, num_classes),
        )
    )


def lenet5(num_classes=10):
    def between():
        return nn.Sequential(ScaledTanh(), nn.AvgPool2d(2))

    return _lenet(nn.Conv2d(1, 6, 5), nn.Conv2d(6, 16, 5), between, 16, num_classes)


def lenet_1989(num_classes=10):
    conv1, conv2 = nn.Conv2d(1, 6, 5, stride=2), nn.Conv2d(6, 12, 5, stride=2)
    return _lenet(conv1, conv2, ScaledTanh, 12, num_classes)


# --- He et al., 2016, section 4.2: ResNet for CIFAR, shortcuts without parameters (option A) ---


class CifarResNetBlock(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.zeros = stride, outputs - inputs

    def forward(self, x):
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        # A window of one pixel subsamples; half of the zero channels go before, half after.
        shortcut = functional.max_pool2d(x, 1, self.stride)
        half = self.zeros // 2
        return functional.relu(y + functional.pad(shortcut, (0, 0, 0, 0, half, self.zeros - half)))


def _cifar_resnet(blocks, num_classes):
    def stage(inputs, outputs):
        first = CifarResNetBlock(inputs, outputs, stride=1 if inputs == outputs else 2)
        rest = (CifarResNetBlock(outputs, outputs, stride=1) for _ in range(blocks - 1))
        return nn.Sequential(first, *rest)

    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 16, 3, padding=1, bias=False),
            bn1=nn.BatchNorm2d(16),
            relu=nn.ReLU(),
            layer1=stage(16, 16),
            layer2=stage(16, 32),
            layer3=stage(32, 64),
            pool=nn.AdaptiveAvgPool2d(1),
            flatten=nn.Flatten(),
            fc=nn.Linear(64, num_classes),
        )
    )


def resnet20(num_classes=10):
    return _cifar_resnet(3, num_classes)


def resnet32(num_classes=10):
    return _cifar_resnet(5, num_classes)


def resnet44(num_classes=10):
    return _cifar_resnet(7, num_classes)


def resnet56(num_classes=10):
    return _cifar_resnet(9, num_classes)


def resnet110(num_classes=10):
    return _cifar_resnet(18, num_classes)


# --- Jordan, 2024, appendix A, and airbench94_muon.py: airbench ---


class Whitening(nn.Module):
    """A convolution whose weight is no parameter."""

    def __init__(self):
        super().__init__()
        self.register_buffer("weight", torch.zeros(24, 3, 2, 2))
        self.bias = nn.Parameter(torch.zeros(24))

    def forward(self, x):
        return functional.conv2d(x, self.weight, self.bias)


class AirbenchNorm(nn.BatchNorm2d):
    """Without a weight, where the program has one that stays 1."""

    def __init__(self, channels):
        super().__init__(channels, eps=1e-12, momentum=1 - 0.6)
        self.weight = None


class AirbenchGroup(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = AirbenchNorm(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = AirbenchNorm(outputs)

    def forward(self, x):
        x = functional.gelu(self.norm1(functional.max_pool2d(self.conv1(x), 2)))
        return functional.gelu(self.norm2(self.conv2(x)))


class Airbench(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.whiten = Whitening()
        groups = AirbenchGroup(24, 64), AirbenchGroup(64, 256), AirbenchGroup(256, 256)
        self.layers = nn.Sequential(nn.GELU(), *groups, nn.MaxPool2d(3))
        self.head = nn.Linear(256, num_classes, bias=False)

    def forward(self, x):
        x = self.layers(self.whiten(x)).flatten(1)
        return self.head(x) / x.size(1)


def airbench94(num_classes=10):
    return Airbench(num_classes)


# --- Huang et al., 2017, sections 3 and 4: DenseNet for CIFAR ---


class CifarDenseLayer(nn.Sequential):
    def __init__(self, inputs, growth, bottleneck):
        super().__init__()
        for number, (size, outputs) in enumerate(
            [(1, 4 * growth), (3, growth)] if bottleneck else [(3, growth)], start=1
        ):
            conv = nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False)
            self.add_module(f"norm{number}", nn.BatchNorm2d(inputs))
            self.add_module(f"relu{number}", nn.ReLU())
            self.add_module(f"conv{number}", conv)
            inputs = outputs

    def forward(self, x):
        return torch.cat([x, super().forward(x)], dim=1)


def _cifar_densenet(layers, growth, bottleneck, compression, num_classes):
    channels = 2 * growth if bottleneck else 16
    features = nn.Sequential()
    features.add_module("conv0", nn.Conv2d(3, channels, 3, padding=1, bias=False))
    for number in (1, 2, 3):
        block = nn.Sequential()
        for layer in range(layers):
            block.add_module(
                f"denselayer{layer + 1}", CifarDenseLayer(channels, growth, bottleneck)
            )
            channels += growth
        features.add_module(f"denseblock{number}", block)
        if number == 3:
            continue
        compressed = int(channels * compression)
        transition = OrderedDict(
            norm=nn.BatchNorm2d(channels),
            relu=nn.ReLU(),
            conv=nn.Conv2d(channels, compressed, 1, bias=False),
            pool=nn.AvgPool2d(2),
        )
        features.add_module(f"transition{number}", nn.Sequential(transition))
        channels = compressed
    features.add_module("norm5", nn.BatchNorm2d(channels))
    pool = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    classifier = nn.Linear(channels, num_classes)
    return nn.Sequential(OrderedDict(features=features, pool=pool, classifier=classifier))


def densenet_40_k12(num_classes=10, layers=12):
    return _cifar_densenet(layers, 12, False, 1.0, num_classes)


def densenet_bc_100_k12(num_classes=10, layers=16):
    return _cifar_densenet(layers, 12, True, 0.5, num_classes)


# --- Krizhevsky et al., 2012: AlexNet on two GPUs ---


def alexnet_2012(num_classes=1000, dense=(4096, 4096)):
    def conv(inputs, outputs, size, stride=1, padding=0, gpus=1):
        # With two GPUs, each one's kernels see the maps on that GPU only (figure 2).
        return nn.Conv2d(inputs, outputs, size, stride, padding, groups=gpus)

    def normalize():
        # Section 3.3's constants; torch divides its alpha by the size.
        return nn.LocalResponseNorm(size=5, alpha=5 * 1e-4, beta=0.75, k=2.0)

    def pool():
        return nn.MaxPool2d(3, stride=2)

    # In the numbering of torchvision's `features`, which has no normalisation.
    features = OrderedDict()
    features["0"] = conv(3, 96, 11, stride=4)
    features["1"] = nn.ReLU()
    features["norm1"] = normalize()
    features["2"] = pool()
    features["3"] = conv(96, 256, 5, padding=2, gpus=2)
    features["4"] = nn.ReLU()
    features["norm2"] = normalize()
    features["5"] = pool()
    features["6"] = conv(256, 384, 3, padding=1)
    features["7"] = nn.ReLU()
    features["8"] = conv(384, 384, 3, padding=1, gpus=2)
    features["9"] = nn.ReLU()
    features["10"] = conv(384, 256, 3, padding=1, gpus=2)
    features["11"] = nn.ReLU()
    features["12"] = pool()
    classifier = OrderedDict()
    classifier["1"] = nn.Linear(256 * 6 * 6, dense[0])
    classifier["2"] = nn.ReLU()
    classifier["3"] = nn.Dropout(0.5)
    classifier["4"] = nn.Linear(dense[0], dense[1])
    classifier["5"] = nn.ReLU()
    classifier["drop"] = nn.Dropout(0.5)
    classifier["6"] = nn.Linear(dense[1], num_classes)
    return nn.Sequential(
        OrderedDict(
            features=nn.Sequential(features),
            # 6x6 already for the paper's 227x227 pixels.
            avgpool=nn.AdaptiveAvgPool2d((6, 6)),
            flatten=nn.Flatten(),
            classifier=nn.Sequential(classifier),
        )
    )


# --- Szegedy et al., 2015: GoogLeNet. No constants for the normalisation are given: AlexNet's ---


class PlainConv(nn.Module):
    def __init__(self, inputs, outputs, size, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2)

    def forward(self, x):
        return functional.relu(self.conv(x))


class PlainInception(nn.Module):
    """Figure 2b, with a row of table 1."""

    def __init__(self, inputs, one, reduce3, three, reduce5, five, project):
        super().__init__()
        self.branch1 = PlainConv(inputs, one, 1)
        self.branch2 = nn.Sequential(PlainConv(inputs, reduce3, 1), PlainConv(reduce3, three, 3))
        self.branch3 = nn.Sequential(PlainConv(inputs, reduce5, 1), PlainConv(reduce5, five, 5))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, padding=1), PlainConv(inputs, project, 1))

    def forward(self, x):
        branches = (self.branch1, self.branch2, self.branch3, self.branch4)
        return torch.cat([branch(x) for branch in branches], dim=1)


class PlainAuxiliary(nn.Module):
    """Section 5's side network."""

    def __init__(self, inputs, num_classes):
        super().__init__()
        self.conv = PlainConv(inputs, 128, 1)
        self.fc1 = nn.Linear(4 * 4 * 128, 1024)
        self.dropout = nn.Dropout(0.7)
        self.fc2 = nn.Linear(1024, num_classes)

    def forward(self, x):
        pooled = functional.avg_pool2d(x, 5, 3) if x.shape[2] >= 5 and x.shape[3] >= 5 else x
        if pooled.shape[2:] != (4, 4):  # The paper has images of 224x224 pixels only.
            pooled = functional.adaptive_avg_pool2d(x, (4, 4))
        x = functional.relu(self.fc1(self.conv(pooled).flatten(1)))
        return self.fc2(self.dropout(x))


class GoogLeNet2014(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.conv1 = PlainConv(3, 64, 7, stride=2)
        self.conv2 = PlainConv(64, 64, 1)
        self.conv3 = PlainConv(64, 192, 3)
        self.inception3a = PlainInception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = PlainInception(256, 128, 128, 192, 32, 96, 64)
        self.inception4a = PlainInception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = PlainInception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = PlainInception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = PlainInception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = PlainInception(528, 256, 160, 320, 32, 128, 128)
        self.inception5a = PlainInception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = PlainInception(832, 384, 192, 384, 48, 128, 128)
        self.aux1 = PlainAuxiliary(512, num_classes)
        self.aux2 = PlainAuxiliary(528, num_classes)
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.normalize = nn.LocalResponseNorm(size=5, alpha=5 * 1e-4, beta=0.75, k=2.0)
        self.dropout = nn.Dropout(0.4)
        self.fc = nn.Linear(1024, num_classes)

    def forward(self, x):
        x = self.normalize(self.pool(self.conv1(x)))
        x = self.pool(self.normalize(self.conv3(self.conv2(x))))
        x = self.pool(self.inception3b(self.inception3a(x)))
        x = on_4a = self.inception4a(x)
        x = on_4d = self.inception4d(self.inception4c(self.inception4b(x)))
        x = self.pool(self.inception4e(x))
        x = self.inception5b(self.inception5a(x))
        logits = self.fc(self.dropout(x.mean((2, 3))))
        if not self.training:
            return logits
        return logits, self.aux2(on_4d), self.aux1(on_4a)


def googlenet_2014(num_classes=1000):
    return GoogLeNet2014(num_classes)


def googlenet_without_4b_4c(num_classes=1000):
    """torchvision's, less two modules that keep the number of channels.

    In training 22 layers of batch normalisation raise float32's rounding above what
    make_goldens.py accepts, whatever the size of the images.
    """
    model = torchvision.models.googlenet(
        num_classes=num_classes, aux_logits=True, transform_input=False, init_weights=False
    )
    model.inception4b, model.inception4c = nn.Identity(), nn.Identity()
    return model
