"""The datasets that are files: official pages, addresses, checksums, how their files are named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Download:
    """One file to get.

    Attributes:
        address: Where it is.
        file: Its name.
        md5: Its MD5, in hexadecimal.
    """

    address: str
    file: str
    md5: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where a dataset's files come from, and how a folder that has them is recognised.

    Attributes:
        page: The authors' page; the mirror where their own server refuses.
        marker: File or folder that stands in the dataset's folder; ``.gz`` may be missing.
        downloads: What to get; archives are unpacked.
        unpacked: Folder that the archives unpack to; "" where there is none around the marker.
        packaged: Folder where a package of the system puts the files.
        package: Name of that package, for Debian.
        files: Files and folders that the dataset's folder must have, and the bytes that a file has
            when it is not zipped; None where they are not known. ``.gz`` may be missing.
    """

    page: str
    marker: str
    downloads: tuple[Download, ...]
    unpacked: str = ""
    packaged: Path | None = None
    package: str = ""
    files: Mapping[str, int | None] = field(default_factory=dict)


def _files(base: str, **md5: str) -> tuple[Download, ...]:
    names = [f"{key.replace('_', '-')}-ubyte.gz" for key in md5]
    return tuple(
        Download(f"{base}{name}", name, digest)
        for name, digest in zip(names, md5.values(), strict=True)
    )


_IDX = {
    "train-images-idx3-ubyte.gz": 16 + 60_000 * 28 * 28,
    "train-labels-idx1-ubyte.gz": 8 + 60_000,
    "t10k-images-idx3-ubyte.gz": 16 + 10_000 * 28 * 28,
    "t10k-labels-idx1-ubyte.gz": 8 + 10_000,
}
_PIXELS = 3 * 32 * 32

# MD5 sums: of CIFAR as its authors publish them on these pages; of Fashion-MNIST and MNIST as in
# torchvision's source, which also names the mirror (the authors' own server often refuses);
# of N-MNIST as in the loaders tonic and spikingjelly; of Tiny-ImageNet as in the library avalanche.
SOURCES: dict[str, Source] = {
    "cifar10": Source(
        page="https://www.cs.toronto.edu/~kriz/cifar.html",
        marker="data_batch_1.bin",
        downloads=(
            Download(
                "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                "cifar-10-binary.tar.gz",
                "c32a1d4ab5d03f1284b67883e8d87530",
            ),
        ),
        files=dict.fromkeys(
            [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"],
            10_000 * (1 + _PIXELS),
        ),
        unpacked="cifar-10-batches-bin",
    ),
    "cifar100": Source(
        page="https://www.cs.toronto.edu/~kriz/cifar.html",
        marker="train.bin",
        downloads=(
            Download(
                "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
                "cifar-100-binary.tar.gz",
                "03b5dce01913d631647c71ecec9e9cb8",
            ),
        ),
        files={"train.bin": 50_000 * (2 + _PIXELS), "test.bin": 10_000 * (2 + _PIXELS)},
        unpacked="cifar-100-binary",
    ),
    "fashion_mnist": Source(
        page="https://github.com/zalandoresearch/fashion-mnist",
        marker="train-images-idx3-ubyte.gz",
        downloads=_files(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            train_images_idx3="8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            train_labels_idx1="25c81989df183df01b3e8a0aad5dffbe",
            t10k_images_idx3="bef4ecab320f06d8554ea6380940ec79",
            t10k_labels_idx1="bb300cfdad3c16e7a12a480ee83cd310",
        ),
        files=_IDX,
        packaged=Path("/usr/share/datasets/fashion-mnist"),
        package="dataset-fashion-mnist",
    ),
    "mnist": Source(
        page="https://ossci-datasets.s3.amazonaws.com/mnist/",
        marker="train-images-idx3-ubyte.gz",
        downloads=_files(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            train_images_idx3="f68b3c2dcbeaaa9fbdd348bbdeb94873",
            train_labels_idx1="d53e105ee54ea40749a09fcbcd1e9432",
            t10k_images_idx3="9fb629c4189551a2d022fa330f9573f3",
            t10k_labels_idx1="ec29112dd5afa0611ce80d1b7f02629c",
        ),
        files=_IDX,
    ),
    "n_mnist": Source(
        page="https://www.garrickorchard.com/datasets/n-mnist",
        marker="Train",
        downloads=(
            Download(
                "https://data.mendeley.com/public-files/datasets/468j46mzdv/files/"
                "39c25547-014b-4137-a934-9d29fa53c7a0/file_downloaded",
                "Train.zip",
                "20959b8e626244a1b502305a9e6e2031",
            ),
            Download(
                "https://data.mendeley.com/public-files/datasets/468j46mzdv/files/"
                "05a4d654-7e03-4c15-bdfa-9bb2bcbea494/file_downloaded",
                "Test.zip",
                "69ca8762b2fe404d9b9bad1103e97832",
            ),
        ),
        files={f"{part}/{digit}": None for part in ("Train", "Test") for digit in range(10)},
    ),
    "tiny_imagenet": Source(
        page="http://cs231n.stanford.edu/",
        marker="wnids.txt",
        downloads=(
            Download(
                "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
                "tiny-imagenet-200.zip",
                "90528d7ca1a48142e341f4ef8d21d0de",
            ),
        ),
        files=dict.fromkeys(["wnids.txt", "train", "val/images", "val/val_annotations.txt"]),
        unpacked="tiny-imagenet-200",
    ),
}
